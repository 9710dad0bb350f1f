# The two commands a newcomer needs are `make demo` and `make test`; the others are parts of them.
SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
release := .build/release

# Everything from Debian that building, testing and measuring need. A program or a file stands for its package.
packages := \
	libbz2-dev libcap-dev libisal-dev liblzma-dev libseccomp-dev libsqlite3-dev libssl-dev libzstd-dev pkg-config \
	zlib1g-dev \
	binutils gcc make git python3 \
	busybox-static debootstrap zstd xz-utils \
	iproute2 nftables iptables containernetworking-plugins kmod e2fsprogs util-linux qemu-system-x86 bc bison flex \
	crun libarchive-tools podman runc strace \
	skopeo umoci buildah
# Debian's containerd would drive out Docker's own, which serves the benchmark as well.
packages += $(if $(shell command -v containerd),,containerd)

.PHONY: all build setup test unit integration fuzz bench demo install format lint clean
all: build

build: setup
	swift build -c release --static-swift-stdlib
	@integration/built $(release)

# apt is called only for what is missing.
setup:
	@missing=$$(dpkg-query -W -f '$${Package} $${db:Status-Abbrev}\n' $(packages) 2>/dev/null | awk '$$2 == "ii" { print $$1 }' | \
		sort | comm -13 - <(printf '%s\n' $(packages) | sort)); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then echo "missing packages; run as root: apt-get install" $$missing >&2; exit 1; fi; \
	echo "installing" $$missing; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get -q update && apt-get -qy install --no-install-recommends $$missing
	@command -v swift >/dev/null || { echo "no Swift toolchain in PATH: https://www.swift.org/install/linux" >&2; exit 1; }

test: setup
	@integration/section "Format and lint"
	@$(MAKE) -s lint
	@integration/section "Release build"
	@$(MAKE) -s build
	@integration/section "Unit tests"
	@$(MAKE) -s unit
	@integration/section "Integration"
	@$(MAKE) -s integration
	@integration/section "Fuzzing"
	@integration/fuzz 10
	@integration/section "Done"

unit: setup
	swift build --build-tests
	swift test --skip-build

integration: build
	integration/rooms
	integration/run

# Seconds for each target.
FUZZ_SECONDS ?= 300
fuzz: setup
	integration/fuzz $(FUZZ_SECONDS)

bench: build
	bench/run
	bench/image-load
	bench/probes
	bench/network

demo: build
	integration/demo

install: build
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/lib/systemd/system" \
		"$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
		"$(DESTDIR)$(PREFIX)/share/zsh/site-functions" "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	install -s -m 755 $(release)/swiftletd $(release)/swiftlet $(release)/swiftlet-shim "$(DESTDIR)$(PREFIX)/bin"
	sed 's|@PREFIX@|$(PREFIX)|' integration/swiftletd.service >"$(DESTDIR)$(PREFIX)/lib/systemd/system/swiftletd.service"
	$(release)/swiftlet --generate-completion-script bash >"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/swiftlet"
	$(release)/swiftlet --generate-completion-script zsh >"$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_swiftlet"
	$(release)/swiftlet --generate-completion-script fish >"$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/swiftlet.fish"

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests Fuzz

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Fuzz
	@integration/scripts

clean:
	rm -rf .build .build-fuzz
