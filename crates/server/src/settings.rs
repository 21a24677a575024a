//! Settings of `warren serve`: flags, `WARREN_*` variables and `warren.toml` name the same things. A flag
//! wins over a variable, a variable over the file, the file over the default.

use crate::io::DriverChoice;
use clap::Args;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::PathBuf;
use warren_engine::broker::ConfirmLevel;
use warren_engine::cache::eviction::EvictionSettings;
use warren_engine::cache::eviction::policy::{POLICY_NAMES, Policy};
use warren_engine::cache::parse::memory_size;
use warren_engine::cache::settings::AppendFsync;
use warren_units::bounds::BODY_MEMORY_BYTES;

const SEGMENT_SIZE_BYTES_DEFAULT: u64 = 64 << 20;
const SEGMENT_SIZES_BYTES: std::ops::RangeInclusive<u64> = (1 << 20)..=(1 << 30);

/// Where a server keeps its log unless it is told otherwise.
pub const DATA_DIR: &str = "warren-data";

/// The file that is read where no other is named.
const CONFIG_FILE_NAME: &str = "warren.toml";

/// Every setting, as one source gives it.
#[derive(Args, Deserialize, Default, Debug, Clone)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Flags {
    /// Address to listen on.
    #[arg(long, env = "WARREN_BIND", value_name = "ADDR")]
    bind: Option<IpAddr>,
    /// RESP port (6379); 0 switches the listener off.
    #[arg(long, env = "WARREN_RESP_PORT", value_name = "N")]
    resp_port: Option<u16>,
    /// AMQP port (5672); 0 switches the listener off.
    #[arg(long, env = "WARREN_AMQP_PORT", value_name = "N")]
    amqp_port: Option<u16>,
    /// HTTP port (15672); 0 switches the listener off.
    #[arg(long, env = "WARREN_HTTP_PORT", value_name = "N")]
    http_port: Option<u16>,
    /// Directory of the log (./warren-data).
    #[arg(long, env = "WARREN_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Number of I/O loops (one per core, at most 4).
    #[arg(long, env = "WARREN_IO_THREADS", value_name = "N")]
    io_threads: Option<usize>,
    /// When a RESP reply may leave: once its record is synced (always) or written (everysec, no).
    #[arg(long, env = "WARREN_APPENDFSYNC", value_name = "always|everysec|no")]
    appendfsync: Option<String>,
    /// What a publisher's confirm waits for.
    #[arg(long, env = "WARREN_PUBLISHER_CONFIRMS", value_name = "synced|written")]
    publisher_confirms: Option<String>,
    /// Memory for the bodies of messages in queues, e.g. 512mb; past it they are read back from the log.
    #[arg(long, env = "WARREN_BODY_MEMORY", value_name = "SIZE")]
    body_memory: Option<String>,
    /// How sockets are driven.
    #[arg(long, env = "WARREN_IO_DRIVER", value_name = "auto|uring|epoll")]
    io_driver: Option<String>,
    /// Memory for keys and values, e.g. 512mb; past it keys are evicted, or writes refused (0: no limit).
    #[arg(long, env = "WARREN_MAXMEMORY", value_name = "SIZE")]
    maxmemory: Option<String>,
    /// Which keys are evicted (noeviction): allkeys-lru, volatile-ttl...
    #[arg(long, env = "WARREN_MAXMEMORY_POLICY", value_name = "POLICY")]
    maxmemory_policy: Option<String>,
    /// Keys that one look for the next to evict compares (5).
    #[arg(long, env = "WARREN_MAXMEMORY_SAMPLES", value_name = "N")]
    maxmemory_samples: Option<usize>,
    /// How much of its time the server gives to eviction, from 0 to 100 (10).
    #[arg(long, env = "WARREN_MAXMEMORY_EVICTION_TENACITY", value_name = "N")]
    maxmemory_eviction_tenacity: Option<u32>,
    /// How many uses it takes to raise a key's count, under an LFU policy (10).
    #[arg(long, env = "WARREN_LFU_LOG_FACTOR", value_name = "N")]
    lfu_log_factor: Option<u32>,
    /// Minutes without use after which a key's count falls by one, under an LFU policy (1).
    #[arg(long, env = "WARREN_LFU_DECAY_TIME", value_name = "MINUTES")]
    lfu_decay_time: Option<u32>,
    /// Password that RESP clients must give with AUTH.
    #[arg(long, env = "WARREN_REQUIREPASS", value_name = "PASSWORD")]
    requirepass: Option<String>,
    /// Size of the log's segments (64mb): on a small disk a smaller one leaves more of it to use.
    #[arg(long, env = "WARREN_SEGMENT_SIZE", value_name = "SIZE")]
    segment_size: Option<String>,
    /// Settings file (warren.toml, if there is one).
    #[arg(long, env = "WARREN_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
}

/// Every setting, decided.
#[derive(Debug, Clone)]
pub struct Settings {
    pub bind: IpAddr,
    pub resp_port: u16,
    pub amqp_port: u16,
    pub http_port: u16,
    pub data_dir: PathBuf,
    pub io_threads: usize,
    pub append_fsync: AppendFsync,
    pub publisher_confirms: ConfirmLevel,
    pub body_memory_bytes: u64,
    pub io_driver: DriverChoice,
    pub eviction: EvictionSettings,
    pub password: String,
    pub segment_size_bytes: u64,
    /// The file that was read, if one was.
    pub config_file: Option<PathBuf>,
}

impl Flags {
    /// Merges flags and variables (`self`) with the file and the defaults.
    ///
    /// # Errors
    /// One line for the operator: which setting, and what is wrong with it.
    pub fn decide(self) -> Result<Settings, String> {
        let (config_file, file) = read_file(self.config.as_ref())?;
        let eviction = self.eviction(&file)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let append_fsync = self.appendfsync.or(file.appendfsync).unwrap_or_else(|| "everysec".to_owned());
        let confirms =
            self.publisher_confirms.or(file.publisher_confirms).unwrap_or_else(|| "synced".to_owned());
        let driver = self.io_driver.or(file.io_driver).unwrap_or_else(|| "auto".to_owned());
        Ok(Settings {
            bind: self.bind.or(file.bind).unwrap_or(IpAddr::from([127, 0, 0, 1])),
            resp_port: self.resp_port.or(file.resp_port).unwrap_or(6379),
            amqp_port: self.amqp_port.or(file.amqp_port).unwrap_or(5672),
            http_port: self.http_port.or(file.http_port).unwrap_or(15672),
            data_dir: self.data_dir.or(file.data_dir).unwrap_or_else(|| PathBuf::from(DATA_DIR)),
            io_threads: self.io_threads.or(file.io_threads).unwrap_or(cores.min(4)).clamp(1, 64),
            append_fsync: AppendFsync::parse(&append_fsync)
                .ok_or_else(|| unknown("appendfsync", &append_fsync, "always, everysec or no"))?,
            publisher_confirms: match confirms.as_str() {
                "synced" => ConfirmLevel::Synced,
                "written" => ConfirmLevel::Written,
                _ => return Err(unknown("publisher-confirms", &confirms, "synced or written")),
            },
            body_memory_bytes: match self.body_memory.or(file.body_memory) {
                None => BODY_MEMORY_BYTES,
                Some(size) => memory_size(&size)
                    .ok_or_else(|| unknown("body-memory", &size, "a number with b, kb, mb or gb"))?,
            },
            io_driver: match driver.as_str() {
                "auto" => DriverChoice::Auto,
                "uring" => DriverChoice::Uring,
                "epoll" => DriverChoice::Epoll,
                _ => return Err(unknown("io-driver", &driver, "auto, uring or epoll")),
            },
            eviction,
            password: self.requirepass.or(file.requirepass).unwrap_or_default(),
            segment_size_bytes: match self.segment_size.or(file.segment_size) {
                None => SEGMENT_SIZE_BYTES_DEFAULT,
                Some(text) => memory_size(&text)
                    .filter(|size| SEGMENT_SIZES_BYTES.contains(size))
                    .ok_or_else(|| unknown("segment-size", &text, "a size from 1mb to 1gb"))?,
            },
            config_file,
        })
    }

    fn eviction(&self, file: &Flags) -> Result<EvictionSettings, String> {
        let mut eviction = EvictionSettings::default();
        if let Some(size) = self.maxmemory.as_ref().or(file.maxmemory.as_ref()) {
            eviction.memory_bytes_max = memory_size(size)
                .ok_or_else(|| unknown("maxmemory", size, "a number with b, kb, mb or gb"))?;
        }
        if let Some(name) = self.maxmemory_policy.as_ref().or(file.maxmemory_policy.as_ref()) {
            eviction.policy = Policy::find(name).ok_or_else(|| {
                unknown("maxmemory-policy", name, &format!("one of {}", POLICY_NAMES.join(", ")))
            })?;
        }
        let samples = self.maxmemory_samples.or(file.maxmemory_samples);
        eviction.sample_count = samples.unwrap_or(eviction.sample_count).max(1);
        let tenacity = self.maxmemory_eviction_tenacity.or(file.maxmemory_eviction_tenacity);
        eviction.tenacity = tenacity.unwrap_or(eviction.tenacity).min(100);
        let counting = &mut eviction.counting;
        counting.log_factor = self.lfu_log_factor.or(file.lfu_log_factor).unwrap_or(counting.log_factor);
        counting.decay_minutes =
            self.lfu_decay_time.or(file.lfu_decay_time).unwrap_or(counting.decay_minutes);
        Ok(eviction)
    }
}

fn unknown(setting: &str, value: &str, known: &str) -> String {
    format!("{setting} is '{value}', but must be {known}")
}

/// The settings file and what it says; nothing where there is none.
fn read_file(named: Option<&PathBuf>) -> Result<(Option<PathBuf>, Flags), String> {
    let default = PathBuf::from(CONFIG_FILE_NAME);
    let path = named.unwrap_or(&default);
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            return Ok((None, Flags::default()));
        }
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let flags = toml::from_str(&text).map_err(|error| format!("{}: {}", path.display(), error.message()))?;
    Ok((Some(path.clone()), flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let directory = std::env::temp_dir().join(format!("warren-settings-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("warren.toml");
        std::fs::write(&path, "resp-port = 7000\namqp-port = 7001\nappendfsync = \"always\"\n").unwrap();
        let flags = Flags { resp_port: Some(8000), config: Some(path.clone()), ..Flags::default() };
        let settings = flags.decide().unwrap();
        assert_eq!((settings.resp_port, settings.amqp_port, settings.http_port), (8000, 7001, 15672));
        assert_eq!(settings.append_fsync, AppendFsync::Always);
        assert_eq!(settings.config_file, Some(path.clone()));
        std::fs::write(&path, "maxmemory = \"2mb\"\nmaxmemory-policy = \"allkeys-lfu\"\n").unwrap();
        let flags =
            Flags { maxmemory: Some("1gb".to_owned()), config: Some(path.clone()), ..Flags::default() };
        let eviction = flags.decide().unwrap().eviction;
        assert_eq!((eviction.memory_bytes_max, eviction.policy.name), (1 << 30, "allkeys-lfu"));
        let flags = Flags { maxmemory_policy: Some("lru".to_owned()), ..Flags::default() };
        assert!(flags.decide().unwrap_err().starts_with("maxmemory-policy is 'lru', but must be one of"));
        std::fs::write(&path, "no-such-setting = 1\n").unwrap();
        let flags = Flags { config: Some(path), ..Flags::default() };
        assert!(flags.decide().unwrap_err().contains("no-such-setting"));
        std::fs::remove_dir_all(directory).unwrap();
    }
}
