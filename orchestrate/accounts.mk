# Runs some accounts without an orchestrator. Each file $(ACCOUNTS)/<label>.env is an account and holds
# the environment variables of its runs, with ACTIVECAMPAIGN_API_URL and ACTIVECAMPAIGN_API_KEY.
#
#   make -f orchestrate/accounts.mk -j4 -k
#
# runs them four at a time. One account never has two runs at once. Its state, log and reports are in
# $(RUNS)/<label>/. An account that fails does not stop the others; the last lines name it, and the
# exit code is 2. `make -f orchestrate/accounts.mk acme` runs one account. See docs/many-accounts.md.

ACCOUNTS ?= accounts
RUNS ?= $(ACCOUNTS)/runs
RUN ?= run --no-install load
MELTANO ?= .venv-meltano/bin/meltano
PLUGINS ?= $(abspath .meltano)

labels := $(sort $(patsubst $(ACCOUNTS)/%.env,%,$(wildcard $(ACCOUNTS)/*.env)))
tap := TAP_ACTIVECAMPAIGN_UNIFIED
target := TARGET_ACTIVECAMPAIGN

.PHONY: all $(labels)
all: $(labels)
	@test -n "$(labels)" || { echo "no account: create a file $(ACCOUNTS)/<label>.env" >&2; exit 2; }

# The lock is released with the last process that has it open. Exit code 75: try again later. Meltano
# keeps the state and the catalog of a run in a folder that it names after the plugin alone. So each
# account has its own folder, with links to the plugins that all accounts share.
$(labels): file = $(abspath $(ACCOUNTS))/$@.env
$(labels): own = $(abspath $(RUNS))/$@
$(labels):
	@umask 077; mkdir -p "$(own)"; \
	test -z "$$(find "$(file)" -perm /077)" || { echo "$@: others can read $(file): chmod 600" >&2; exit 2; }; \
	exec 9>"$(own)/lock"; \
	flock --nonblock 9 || { echo "$@: another run of this account is active" >&2; exit 75; }; \
	mkdir -p "$(own)/meltano"; ln -sfnt "$(own)/meltano" $(addprefix $(PLUGINS)/,extractors loaders); \
	export MELTANO_SYS_DIR_ROOT="$(own)/meltano" MELTANO_DATABASE_URI="sqlite:///$(own)/meltano.db"; \
	export $(tap)_ACCOUNT_LABEL="$@" $(target)_ACCOUNT_LABEL="$@"; \
	export $(tap)_RUN_REPORT_PATH="$(own)/load.json" $(target)_RUN_REPORT_PATH="$(own)/write.json"; \
	set -a; . "$(file)"; set +a; \
	$(MELTANO) $(RUN) >"$(own)/log" 2>&1 || { code=$$?; echo "$@: failed ($$code): see $(own)/log" >&2; exit $$code; }
