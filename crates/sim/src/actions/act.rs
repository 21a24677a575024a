//! A client does something: connects, or asks for what its family asks for.

use crate::checker::failure::Checked;
use crate::client::Session;
use crate::workload::Kind;
use crate::world::World;
use warren_engine::PeerKind;

pub fn run(world: &mut World) -> Checked {
    let client = world.random.below(world.clients.len() as u64) as usize;
    let family = world.clients[client];
    let Some(link) = world.links.get_mut(&client) else {
        let kind = match family.kind {
            Kind::Resp(_) => PeerKind::Resp,
            Kind::Amqp(_) => PeerKind::Amqp,
        };
        world.connect(client, kind);
        return Ok(());
    };
    match (&family.kind, &mut link.session) {
        (Kind::Resp(next), Session::Resp(session)) if session.may_send() => {
            session.send(next(&mut world.random, &mut world.ids));
        }
        (Kind::Amqp(amqp), Session::Amqp(session)) if session.may_send() => {
            (amqp.act)(session, &mut world.random, &mut world.ids);
        }
        _ => {}
    }
    Ok(())
}
