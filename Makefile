# Seeds of the simulated network to go through, both ends included.
SEEDS ?= 1..1000

.PHONY: soak
soak:
	cargo run --release --locked -p equipoise-simulation -- --seeds $(SEEDS)
