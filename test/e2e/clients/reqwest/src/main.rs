//! The proxy is taken from the environment, the roots from `SSL_CERT_FILE`. Prints what came of it as JSON.
use std::env;
use std::thread;

use reqwest::blocking::{Client, ClientBuilder};
use reqwest::{Result, Version};

fn main() -> Result<()> {
    let base = env::var("BASE").expect("BASE");
    let key = env::var("KEY").expect("KEY");
    let only_http2 = env::var_os("HTTP2").is_some();
    let client = if only_http2 { ClientBuilder::new().http2_prior_knowledge().build()? } else { Client::new() };
    let ask = || client.get(format!("{base}/authorization")).bearer_auth(&key).send();
    let answer = ask()?;
    let version = if answer.version() == Version::HTTP_2 { "2" } else { "1.1" };
    let returned = answer.text()?;
    let put = client.put(format!("{base}/length")).bearer_auth(&key).body(vec![b'r'; 1_000_000]);
    let length = put.send()?.text()?;
    let length = length.split(' ').next().unwrap_or_default();
    let many: usize = thread::scope(|scope| {
        let asked: Vec<_> = (0..50).map(|_| scope.spawn(|| ask().and_then(|each| each.text()))).collect();
        let bearer = format!("Bearer {key}");
        asked
            .into_iter()
            .filter_map(|each| each.join().ok()?.ok())
            .filter(|text| *text == bearer)
            .count()
    });
    println!(r#"{{"version":"{version}","returned":"{returned}","length":"{length}","many":{many}}}"#);
    Ok(())
}
