"""What a Flamenco job type compiles to, found by Node.js with a stand-in for Flamenco's manager."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "headless" / "flamenco" / "layfigure_render.js"

# The globals that Flamenco documents: author, frameChunker. Tasks tell on whom they wait by name.
_MANAGER = """
const [script, given] = process.argv.slice(1);
function Task(name, type) {
    const task = { name, type, commands: [], after: [] };
    task.addCommand = command => task.commands.push(command);
    task.addDependency = other => task.after.push(other.name);
    return task;
}
globalThis.author = { Task, Command: (name, parameters) => ({ name, parameters }) };
globalThis.frameChunker = (text, size) => {
    const frames = [];
    for (const part of text.replace(/\\.\\./g, "-").split(",")) {
        const [first, last] = part.split("-").map(Number);
        for (let frame = first; frame <= (last ?? first); frame++) frames.push(frame);
    }
    const chunks = [];
    for (let i = 0; i < frames.length; i += size) {
        const some = frames.slice(i, i + size), end = some.length - 1;
        const whole = end > 1 && some[end] - some[0] === end;
        chunks.push(whole ? `${some[0]}-${some[end]}` : some.join(","));
    }
    return chunks;
};
globalThis.print = () => {};
const code = require("fs").readFileSync(script, "utf8");
require("vm").runInThisContext(code + ";globalThis.TYPE = JOB_TYPE;");
const settings = {};
for (const one of TYPE.settings) if ("default" in one) settings[one.key] = one.default;
Object.assign(settings, JSON.parse(given));
for (const one of TYPE.settings)
    if (one.required && !(one.key in settings)) throw new Error(one.key + " is required");
const job = { settings, tasks: [], addTask: task => job.tasks.push(task) };
compileJob(job);
console.log(JSON.stringify({ type: TYPE, tasks: job.tasks }));
"""


def compile_job(**settings: object) -> dict:
    """JOB_TYPE as `type`, and the tasks of a job with `settings`: name, type, commands, after."""
    node = shutil.which("node")
    assert node is not None
    command = [node, "-e", _MANAGER, str(SCRIPT), json.dumps(settings)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def argv(task: dict, **variables: str) -> list[str]:
    """The command line of a task of one command, with Flamenco's variables put in."""
    (command,) = task["commands"]
    assert command["name"] == "exec"
    words = [command["parameters"]["exe"], *command["parameters"]["args"]]
    for name, value in variables.items():
        words = [word.replace("{" + name + "}", value) for word in words]
    assert not any("{" in word for word in words), words
    return words
