# Some accounts without an orchestrator: each file $(ACCOUNTS)/<label>.env is one, and holds what its
# runs are told in the environment, ACTIVECAMPAIGN_API_URL and ACTIVECAMPAIGN_API_KEY first.
#
#   make -f orchestrate/accounts.mk -j4 -k
#
# runs them four at a time, each alone, with a state, a log and reports of its own in
# $(RUNS)/<label>/. One that fails holds up no other, is named in the last lines, and makes the exit
# code 2. `make -f orchestrate/accounts.mk acme` runs one. docs/many-accounts.md tells the rest.

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
	@test -n "$(labels)" || { echo "no account: put a file <label>.env into $(ACCOUNTS)" >&2; exit 2; }

# The lock goes with the last process that has it open. 75: try again later. Meltano keeps state and
# catalog of a run in a folder by the plugin's name alone: each account has one of its own, beside
# the plugins of all.
$(labels): file = $(abspath $(ACCOUNTS))/$@.env
$(labels): own = $(abspath $(RUNS))/$@
$(labels):
	@umask 077; mkdir -p "$(own)"; \
	test -z "$$(find "$(file)" -perm /077)" || { echo "$@: others can read $(file): chmod 600" >&2; exit 2; }; \
	exec 9>"$(own)/lock"; \
	flock --nonblock 9 || { echo "$@: another run of it is under way" >&2; exit 75; }; \
	mkdir -p "$(own)/meltano"; ln -sfnt "$(own)/meltano" $(addprefix $(PLUGINS)/,extractors loaders); \
	export MELTANO_SYS_DIR_ROOT="$(own)/meltano" MELTANO_DATABASE_URI="sqlite:///$(own)/meltano.db"; \
	export $(tap)_ACCOUNT_LABEL="$@" $(target)_ACCOUNT_LABEL="$@"; \
	export $(tap)_RUN_REPORT_PATH="$(own)/load.json" $(target)_RUN_REPORT_PATH="$(own)/write.json"; \
	set -a; . "$(file)"; set +a; \
	$(MELTANO) $(RUN) >"$(own)/log" 2>&1 || { code=$$?; echo "$@: failed ($$code): see $(own)/log" >&2; exit $$code; }
