# Everything sets itself up: `make demo` and `make test` need Python 3.11 and pip, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out/demo
VIDEO ?= examples/dance.mp4
REAL_BLENDER ?= ../shared/tools/real-blender
WHEELS ?= build/wheels

.PHONY: install demo lint test test-slow test-blender bench zip repository wheels docs clean

install: $(VENV)/ready

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e ".[detect,blender,test]"
	@$(BIN)/python -c "import cv2, bpy" || { echo "A system library is missing. On Debian: apt-get install\
	 libgl1 libglib2.0-0 libegl1 libx11-6 libxi6 libxrender1 libxfixes3 libxkbcommon0 libsm6"; exit 1; }
	@touch $@

demo: install
	$(BIN)/layfigure fit "$(VIDEO)" -o $(OUT)/fit
	$(BIN)/python headless/render.py --result $(OUT)/fit --output $(OUT)/film.mp4 \
		--camera turntable --size 640x360 --still $(OUT)/still.png --fbx $(OUT)/character.fbx --blend $(OUT)/character.blend
	@echo "Done: $(OUT)/film.mp4, $(OUT)/still.png, $(OUT)/character.fbx, $(OUT)/character.blend," \
		"$(OUT)/fit/overlay.mp4"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p $(VENV)/src && ln -sfn "$(CURDIR)" $(VENV)/src/layfigure
	MYPYPATH=$(VENV)/src $(BIN)/mypy -p layfigure.engine -p layfigure.addon \
		-p layfigure.operators -p layfigure.panels

test: lint
	$(BIN)/python -m pytest tests/engine tests/addon -m "not real_blender and not slow" \
		-n auto --maxprocesses 4 --dist loadfile

# Trainings and fits of minutes: killed and resumed, on truth data where it is there.
test-slow: install
	$(BIN)/python -m pytest tests/engine -m slow

# The lane with real Blender binaries: those of REAL_BLENDER, or BLENDER=path/to/blender.
test-blender: install zip wheels
	REAL_BLENDER="$(REAL_BLENDER)" WHEELS="$(abspath $(WHEELS))" $(BIN)/python -m pytest tests/blender -n 2 --dist worksteal

bench: install
	@test -n "$(DATA)" || { echo "Say on what: make bench DATA=folder"; exit 2; }
	$(BIN)/python benchmarks/fit_accuracy.py --data "$(DATA)"
	$(BIN)/python benchmarks/avatar.py --data "$(DATA)"

zip: install
	$(BIN)/python tools/build_zip.py

# A folder for any web server, to which Blender can subscribe.
repository: install
	$(BIN)/python tools/build_repository.py

# All that Install Engine needs where there is no network. They suit machines of this kind alone:
# the same system and version of Python.
wheels:
	$(PYTHON) -m pip download --disable-pip-version-check --only-binary=:all: \
		-c constraints.txt -r engine/requirements.txt -d "$(WHEELS)"

docs: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf build dist out
