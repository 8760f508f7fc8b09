// SPDX-License-Identifier: GPL-3.0-or-later
//
// A Flamenco 3 job type: result folders of Layfigure to numbered pictures, in chunks on many
// machines, and a film of them in the end. With a clip, the result is made first.
//
// Flamenco's manager must know, besides {blender}, two variables of its own:
//   {layfigure}         the folder of Layfigure, as the workers see it
//   {layfigure_engine}  the program `layfigure` there (only for jobs with a clip)

const JOB_TYPE = {
    label: "Layfigure Render",
    description: "Render Layfigure's result folders in chunks, then make a film",
    settings: [
        { key: "results", type: "string", required: true,
          description: "Result folder, as the workers see it; several with ; between them" },
        { key: "frames", type: "string", required: true,
          eval: "f'{C.scene.frame_start}-{C.scene.frame_end}'",
          description: "Frames to render. Examples: '47', '1-30', '3, 5-10'" },
        { key: "chunk_size", type: "int32", default: 25, propargs: { min: 1 },
          description: "Frames in one task" },
        { key: "pictures", type: "string", subtype: "file_path", required: true,
          description: "Folder for the pictures, or a name like /shots/take_####.exr" },
        { key: "film", type: "string", subtype: "file_path", default: "",
          description: "Film to make of the pictures, .mp4; empty: none" },
        { key: "engine", type: "string", default: "workbench",
          choices: ["workbench", "eevee", "cycles"], description: "Render engine" },
        { key: "samples", type: "int32", default: 16, propargs: { min: 1 },
          description: "Samples a pixel, for EEVEE and Cycles" },
        { key: "device", type: "string", default: "cpu", choices: ["cpu", "gpu", "auto"],
          description: "What Cycles computes on" },
        { key: "camera", type: "string", default: "auto", choices: ["auto", "footage", "turntable"],
          description: "auto: the clip's, or a turntable where it has none" },
        { key: "size", type: "string", default: "",
          description: "WIDTHxHEIGHT; empty: the clip's" },
        { key: "transparent", type: "bool", default: false,
          description: "Nothing behind the figure" },
        { key: "clip", type: "string", subtype: "file_path", default: "",
          description: "Video to fit first, into the (one) result folder; empty: it is there" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    const results = resultFolders(settings.results);
    const fit = settings.clip ? fitTask(settings.clip, results) : null;
    if (fit) job.addTask(fit);

    const renders = [];
    for (let chunk of frameChunker(settings.frames, settings.chunk_size)) {
        const task = blenderTask(`render-${chunk}`, renderArguments(settings, results, chunk));
        if (fit) task.addDependency(fit);
        renders.push(task);
        job.addTask(task);
    }
    if (settings.film) {
        const film = blenderTask("film", [
            "--film-from", settings.pictures,
            "--frames", settings.frames.replace(/ /g, "").replace(/\.\./g, "-"),
            "--result", results[0],
            "--output", settings.film,
        ]);
        for (let task of renders) film.addDependency(task);
        job.addTask(film);
    }
}

function resultFolders(text) {
    const folders = text.split(";").map(folder => folder.trim()).filter(folder => folder);
    if (!folders.length) throw new Error("Name at least one result folder.");
    return folders;
}

function renderArguments(settings, results, chunk) {
    let args = ["--pictures", settings.pictures, "--frames", chunk, "--engine", settings.engine];
    for (let result of results) args = args.concat(["--result", result]);
    if (settings.engine !== "workbench") args = args.concat(["--samples", `${settings.samples}`]);
    if (settings.engine === "cycles") args = args.concat(["--device", settings.device]);
    if (settings.camera !== "auto") args = args.concat(["--camera", settings.camera]);
    if (settings.size) args = args.concat(["--size", settings.size]);
    return settings.transparent ? args.concat(["--transparent"]) : args;
}

// Not Flamenco's "blender-render": that one opens a .blend file, and here there is none.
function blenderTask(name, args) {
    const task = author.Task(name, "blender");
    const blender = ["-b", "--factory-startup", "--python-exit-code", "3",
                     "-P", "{layfigure}/headless/render.py", "--"];
    task.addCommand(author.Command("exec", { exe: "{blender}", args: blender.concat(args) }));
    return task;
}

function fitTask(clip, results) {
    if (results.length > 1) throw new Error("A clip is fitted into one result folder.");
    const task = author.Task("fit", "misc");
    const args = ["fit", clip, "-o", results[0]];
    task.addCommand(author.Command("exec", { exe: "{layfigure_engine}", args: args }));
    return task;
}
