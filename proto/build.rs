//! Compiles the protocol without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = protox::compile(["equipoise/v1/training.proto"], ["."])?;
    tonic_prost_build::configure().bytes(".").compile_fds(files)?;
    println!("cargo::rerun-if-changed=equipoise");
    Ok(())
}
