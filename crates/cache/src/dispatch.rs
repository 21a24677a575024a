//! From a request to its handler: the row, its checks, transactions, statistics.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, QUOTED_SIZE_BYTES_MAX, quoted_beginning};
use crate::commands::transactions::multi;
use crate::context::Context;
use crate::lookup::Row;
use crate::room;
use crate::session::{OnTimeout, Transaction};
use crate::settings::AppendFsync;
use warren_resp::{Args, Protocol};

impl Context<'_, '_> {
    /// Runs one request, or queues it inside MULTI. Writes exactly one reply, or blocks.
    pub fn request(&mut self, args: Args<'_>) {
        self.shared.statistics.commands_processed += 1;
        let mark = self.reply.rope_mut().mark();
        if let Err(error) = self.try_request(args) {
            self.reply.rope_mut().truncate(mark);
            self.shared.statistics.count_error(error.text());
            self.reply.error(error.text());
        }
    }

    #[inline]
    fn try_request(&mut self, args: Args<'_>) -> Result<(), CommandError> {
        let row = match self.resolve(args) {
            Ok(row) => row,
            Err(error) => return Err(self.refuse(args, error)),
        };
        let flags = row.spec.flags;
        self.session.last_command = Some(row);
        if !self.session.authenticated && !flags.has(Flags::NO_AUTH) {
            let error = CommandError::fixed("NOAUTH Authentication required.");
            return Err(self.refuse(args, error));
        }
        if self.shared.eviction.is_out_of_memory() && self.needs_memory(row) {
            return Err(self.refuse(args, CommandError::OUT_OF_MEMORY));
        }
        if self.session.subscription_count > 0 && self.session.protocol == Protocol::Resp2 {
            self.need_subscriber_command(row)?;
        }
        if self.shared.pause.is_some()
            && let Some(until) = self.shared.paused_until(row, self.session, self.step.now)
        {
            self.block(args, &[], Some(until), OnTimeout::Run);
            return Ok(());
        }
        if flags.has(Flags::WRITE) && self.is_log_full(flags, room::effects_size(args)) {
            return Err(self.refuse(args, CommandError::LOG_IS_FULL));
        }
        if self.session.transaction.is_some() && !flags.has(Flags::NOT_QUEUED) {
            return self.queue(row, args);
        }
        self.call(row, args)
    }

    /// Whether the command may make the keyspace larger. Inside MULTI every command may, for it is kept; EXEC does
    /// where one of those kept does.
    fn needs_memory(&self, row: Row) -> bool {
        match &self.session.transaction {
            Some(transaction) if row.spec.name == "exec" => {
                multi::grows_keyspace(&self.shared.lookup, &transaction.queued)
            }
            Some(_) => !["discard", "quit", "reset"].contains(&row.spec.name),
            None => row.grows_keyspace(),
        }
    }

    /// A request is refused before it runs: an open transaction is lost with it.
    fn refuse(&mut self, args: Args<'_>, error: CommandError) -> CommandError {
        self.abort_transaction();
        let Some(row) = self.shared.lookup.find(args.get(0)) else { return error };
        self.shared.statistics.commands[row.number].rejected += 1;
        if row.spec.name == "exec" { multi::abort_exec(self, &error) } else { error }
    }

    /// The row of a request, its argument count checked.
    ///
    /// # Errors
    /// Unknown command or subcommand, wrong number of arguments.
    pub fn resolve(&self, args: Args<'_>) -> Result<Row, CommandError> {
        let Some(row) = self.shared.lookup.find(args.get(0)) else { return Err(unknown_command(args)) };
        let spec = row.spec;
        let (has_subcommands, runs_alone) = match spec.carrier {
            Carrier::Cache(_) | Carrier::Host(_) => (false, true),
            Carrier::Subcommands(_) => (true, false),
            Carrier::AloneOrSubcommands(..) => (true, true),
        };
        if !has_subcommands || (runs_alone && args.len() == 1) {
            return if spec.accepts(args.len()) {
                Ok(row)
            } else {
                Err(CommandError::wrong_arity(spec.name))
            };
        }
        if args.len() < 2 {
            return Err(CommandError::wrong_arity(spec.name));
        }
        let name = args.get(1);
        let Some(row) = row.subcommands().find(|row| row.spec.name.as_bytes().eq_ignore_ascii_case(name))
        else {
            let name = quoted_beginning(name, QUOTED_SIZE_BYTES_MAX);
            let container = spec.name.to_uppercase();
            return Err(format!("ERR unknown subcommand '{name}'. Try {container} HELP.").into());
        };
        if row.spec.accepts(args.len()) {
            return Ok(row);
        }
        Err(CommandError::wrong_arity(&row.full_name()))
    }

    /// Runs a row's handler.
    ///
    /// # Errors
    /// The handler's.
    #[inline]
    pub fn call(&mut self, row: Row, args: Args<'_>) -> Result<(), CommandError> {
        let result = self.carry_out(row.spec, args);
        let counts = &mut self.shared.statistics.commands[row.number];
        counts.calls += u64::from(!self.is_retry);
        counts.failed += u64::from(result.is_err());
        result
    }

    #[inline]
    fn carry_out(&mut self, spec: &'static CommandSpec, args: Args<'_>) -> Result<(), CommandError> {
        match spec.carrier {
            Carrier::Cache(handler) | Carrier::AloneOrSubcommands(handler, _) => handler(self, args),
            Carrier::Host(row) => {
                self.host.check(row, args)?;
                self.need_growth_room(self.host.size_bytes_max(row, args))?;
                let is_always = self.shared.settings.append_fsync == AppendFsync::Always;
                let gate = self.host.run(row, args, is_always, self.step, &mut self.reply)?;
                self.shared.host_gate = self.shared.host_gate.and(gate);
                Ok(())
            }
            Carrier::Subcommands(_) => Err(CommandError::wrong_arity(spec.name)),
        }
    }

    /// Runs a request that was checked before, one of EXEC's or a blocked client's: an error is its reply.
    pub fn run_queued(&mut self, args: Args<'_>) {
        let mark = self.reply.rope_mut().mark();
        let result = self.resolve(args).and_then(|row| self.call(row, args));
        if let Err(error) = result {
            self.reply.rope_mut().truncate(mark);
            self.shared.statistics.count_error(error.text());
            self.reply.error(error.text());
        }
    }

    fn queue(&mut self, row: Row, args: Args<'_>) -> Result<(), CommandError> {
        let refusal = if row.spec.flags.has(Flags::NO_MULTI) {
            Some(CommandError::fixed("ERR Command not allowed inside a transaction"))
        } else if let Carrier::Host(row) = row.spec.carrier {
            self.host.check(row, args).err()
        } else {
            None
        };
        if let Some(error) = refusal {
            return Err(self.refuse(args, error));
        }
        let transaction = self.session.transaction.get_or_insert_with(Transaction::default);
        transaction.queued.push(args.to_owned());
        self.reply.simple("QUEUED");
        Ok(())
    }

    fn abort_transaction(&mut self) {
        if let Some(transaction) = &mut self.session.transaction {
            transaction.aborted = true;
        }
    }

    /// RESP2 clients in subscriber mode may only change their subscriptions.
    fn need_subscriber_command(&self, row: Row) -> Result<(), CommandError> {
        const ALLOWED: [&str; 9] = [
            "subscribe",
            "ssubscribe",
            "psubscribe",
            "unsubscribe",
            "sunsubscribe",
            "punsubscribe",
            "ping",
            "quit",
            "reset",
        ];
        if row.container.is_none() && ALLOWED.contains(&row.spec.name) {
            return Ok(());
        }
        Err(CommandError::from(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
            row.full_name()
        )))
    }
}

fn unknown_command(args: Args<'_>) -> CommandError {
    let mut beginning = String::new();
    for word in args.from(1).iter() {
        if beginning.len() >= QUOTED_SIZE_BYTES_MAX {
            break;
        }
        beginning
            .push_str(&format!("'{}' ", quoted_beginning(word, QUOTED_SIZE_BYTES_MAX - beginning.len())));
    }
    let name = quoted_beginning(args.get(0), QUOTED_SIZE_BYTES_MAX);
    format!("ERR unknown command '{name}', with args beginning with: {beginning}").into()
}
