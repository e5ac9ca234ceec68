"""Bad input: one sentence, exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsol.cli import main

FEW = ["dataset.n=4", "metric=[]", "method=[gradcam]"]
LONG = "n" * 300  # what no file system takes as a name


@pytest.mark.default_cases(12)
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["method=[gradcamm]"], "there is no method 'gradcamm'; nearest: 'gradcam'"),
        (["dataset=shapess"], "there is no dataset 'shapess'; nearest: 'shapes'"),
        (["model=resnet51"], "there is no model 'resnet51'; nearest: 'resnet50'"),
        (["protocol=[choe2020_v3]"], "there is no protocol 'choe2020_v3'; nearest: 'choe2020_v"),
        (["metric=[rise]"], "there is no metric 'rise'; nearest: 'rise"),
        (["methods.gradcam.reluu=true"], "there is no option 'methods.gradcam.reluu'; nearest: 'methods.gradcam.relu'"),
        (
            ["+methods.gradcam.reluu=true"],
            "there is no option 'methods.gradcam.reluu'; nearest: 'methods.gradcam.relu'",
        ),
        (["methods.gradcam.relu=7"], "methods.gradcam.relu=7 is not valid; expected true or false"),
        (["method=[rise]", "methods.rise.samples=0"], "methods.rise.samples=0 is out of range; give 1 or more"),
        (["method=[rise]", "methods.rise.keep=0"], "methods.rise.keep=0 is out of range; give above 0 and at most 1"),
        (["method=[finercam]", "methods.finercam.references=-1"], "methods.finercam.references=-1 is out of range"),
        (["methods.gradcam.layers=stage9"], "there is no layer of shapes_gap 'stage9'; nearest: 'stage"),
        (["protocol=choe2020_v2", "protocol.normalis=max"], "nearest: 'protocols.choe2020_v2.normalise'"),
        (["protocol=choe2020_v2[normalis=max]"], "nearest: 'protocols.choe2020_v2[normalis=max].normalise'"),
        (["method=gradcam@stage9"], "there is no layer of shapes_gap 'stage9'; nearest: 'stage"),
        (["method=gradcam@stage5-3"], "layers 'stage5-3' is not a range of stages; write for example stage3-5"),
        (["method=gradcam@last-9"], "layer 'last-9': the network has 5 stages; give last-4 or later"),
        (["method=gradcam[relu"], "'gradcam[relu' is not a valid choice; write name@layers[option=value,...]"),
        (["method=gradcam[relu]"], "gradcam[relu]: 'relu' is not option=value"),
        (["protocol=exact@stage5"], "exact@stage5: only methods take layers"),
        (["method=fast@stage5"], "fast stands for several methods; it takes sample=NUMBER and quick=true only"),
        (
            ["model=shapes_gap,shapes_vgg"],
            "write model=[shapes_gap,shapes_vgg] for a run each and one table, or add -m",
        ),
        (["~model"], "~model: a run needs model; choose another one with model=..."),
        (["model=null"], "model=null: a run needs model; choose another one with model=..."),
        (["view="], "view=: a run needs view"),
        (["method=null"], "method=null: name at least one method, or choose none with method=[]"),
        (["protocol="], "protocol=: name at least one protocol, or choose none with protocol=[]"),
        (["paths.runs=null"], "paths.runs=null: a run needs this folder; give one, paths.runs=DIR, or leave it out"),
        (["~view"], "~view: a run needs view"),
        (["~seed"], "~seed: a run needs seed"),
        (["hydra/launcher=joblib9"], "there is no hydra/launcher 'joblib9'"),
        (["seed=1,2"], "seed=1,2: add -m for a run each"),
        (["view.side=3"], "view.side=3 is out of range; give 8 or more and at most 4096"),
        (["view.side=0"], "view.side=0 is out of range; give 8 or more and at most 4096"),
        (["dataset.nn=3"], "there is no option 'dataset.nn'; nearest: 'dataset.n'"),
        (["+foo=1"], "there is no setting 'foo'"),
        (["methods=[cam]"], "methods=[cam]: methods has options of each method; choose with method=[cam]"),
        (["protocols=choe2020_v1"], "choose with protocol=choe2020_v1"),
        (["seed=" + "9" * 4301], "has a number of more than 4300 digits; give a shorter one"),
        (["dataset.n=" + "9" * 4301], "has a number of more than 4300 digits; give a shorter one"),
        (["model.output=sigmoids"], "there is no value for model.output 'sigmoids'; nearest: 'sigmoid'"),
        # of a group that is named twice, the last one counts, as for Hydra
        (["method=[layercam]", "method=[cam]", "methods.layercam.gamma=2"], "add it: method=[cam,layercam]"),
        (["metric=[drop]", "metric=[road]", "metrics.drop.mode=x"], "add it: metric=[road,drop]"),
        (["seed=x"], "seed='x' is not valid; expected int"),
        (["engine.batch_size=0"], "engine.batch_size=0 is out of range; give 1 or more"),
        (["engine.part=9/8"], "engine.part=9/8 is not valid; expected NUMBER/OF"),
        (["engine.part=half"], "engine.part=half is not valid; expected NUMBER/OF"),
        (["engine.device=nonsense"], "engine.device=nonsense can't be used"),
        (["model=shapes_vgg", "methods.gradcam.layers=classifier.0"], "has no spatial output"),
        (["model.weights=nowhere.pth"], "nowhere.pth"),
        (["model.num_classes=7"], "7"),
        (["protocol=[]"], "nothing to measure"),
        (["method=[]"], "no method is chosen"),
        (["--with", "no_such.py"], "no_such.py: there is no such file"),
        (["dataset.n=x"], "dataset.n"),
        (["model.num_classes=ten"], "model.num_classes='ten' is not valid; expected int (1 or more"),
        (["engine.device=meta"], "engine.device=meta can't be used"),
        (["engine.tf32=maybe"], "engine.tf32='maybe' is not valid; expected true or false"),
        (["engine.tf32=1"], "engine.tf32=1 is not valid; expected true or false"),
        (["tau_from=3"], "tau 3.0 is out of range; expected 0 <= tau < 1"),
        (["model.weights=5"], "there is no weights file '5'"),
        (["seed=-1"], "seed=-1 is out of range; give 0 or more"),
        (["seed=" + "9" * 40], "is out of range; whole numbers go up to 9223372036854775807"),
        (["dataset.limit=" + "9" * 40], "dataset.limit=9999999999999999999999999999999999999999 is out of range"),
        (["dataset.n=1000000000000"], "dataset.n=1000000000000 is out of range; give 1 or more and at most 1000000"),
        (["method=rise", "methods.rise.samples=100000000000"], "samples=100000000000 is out of range; give 1 or more"),
        (["method=rise", "methods.rise.cells=100000"], "methods.rise.cells=100000 is out of range"),
        (["method=layercam", "methods.layercam.gamma=inf"], "methods.layercam.gamma=inf is out of range; give a fini"),
        (["method=layercam", "methods.layercam.gamma=nan"], "methods.layercam.gamma=nan is out of range; give a fini"),
        (["view.side=100000"], "view.side=100000 is out of range; give 8 or more and at most 4096"),
        (["model.input_size=100000"], "model.input_size=100000 is out of range; give 8 or more and at most 4096"),
        (["engine.batch_size=100000000000"], "engine.batch_size=100000000000 is out of range"),
        (
            ["protocol=choe2020_v2", "protocol.tau_step=1e-9"],
            "tau_step=1e-09 is out of range; give 1e-06 or more and at most 0.5",
        ),
        (["method=gradcam@stage1-99999999999"], "layers 'stage1-99999999999' is not a range of stages"),
        (["=3"], "'=3' is not a setting; write name=value, for example dataset=shapes"),
    ],
)
def test_wrong_words_give_one_sentence(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *FEW, f"paths.runs={tmp_path}", *words]) == 2
    told = capsys.readouterr()
    last = told.err.strip().splitlines()[-1]
    assert last.startswith("wsol: ")
    assert sentence in last
    assert "Traceback" not in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    "words",
    [
        ["run", *FEW, f"paths.runs={LONG}"],
        ["run", "--with", LONG],
        ["run", "--config-dir", LONG],
        ["table", LONG],
        ["table", "--runs", LONG],
        ["explain", LONG],
        ["score", "--maps", LONG, "--annotations", LONG, "--protocol", "exact"],
        ["new", "method", LONG],
    ],
    ids=lambda words: " ".join(words).replace(LONG, "LONG"),
)
def test_a_path_that_the_system_refuses_is_one_sentence(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "File name too long" in said
    assert "Traceback" not in said


def test_boxes_are_needed_where_a_protocol_compares_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    for name, text in (("image_ids", "a.png"), ("class_labels", "a.png,0"), ("image_sizes", "a.png,8,6")):
        (lists / f"{name}.txt").write_text(text)
    (lists / "localization.txt").write_text("")
    where = ["dataset=wsolevaluation", f"dataset.metadata={lists}", "dataset.images=null", "dataset.labels_only=true"]
    assert main(["run", "method=[gradcam]", "metric=[]", f"paths.runs={tmp_path}", *where]) == 2
    err = capsys.readouterr().err
    assert "1 of 1 images have no box in dataset wsolevaluation, first 'a.png'; for labels alone choose " in err
    assert "protocol=[] metric=[drop]" in err


def test_an_output_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["run", *FEW, f"paths.runs={tmp_path / 'file'}"]) == 2
    assert "can't write" in capsys.readouterr().err


@pytest.mark.default_cases(4)
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["tabel"], "there is no command 'tabel'; nearest: 'table'"),
        (["table", "--format", "xls"], "there is no format 'xls'"),
        (["list", "method5"], "there is no list 'method5'; nearest: 'methods'"),
        (["list", "layers"], "say which network"),
        (["list", "layers", "model=resnet51"], "there is no model 'resnet51'; nearest: 'resnet50'"),
        (["list", "pathss"], "there is no list 'pathss'"),
        (["run", "paths=nowhere"], "there is no paths 'nowhere'; there are default"),
        (
            ["run", "method=[gradcam]", "methods.layercam.gamma=2"],
            "layercam, which is not chosen; add it: method=[gradcam,layercam]",
        ),
        (["run", "dataset.images=ünï (1)"], "there is no option 'dataset.images'"),
        (["run", "figures=gif"], "figures='gif' is not valid; expected svg, png, pdf or null"),
        (["run", "method=scorecam", "methods.scorecam.top_n=0"], "methods.scorecam.top_n=0 is out of range"),
        (["run", "method=cam,gradcam"], "write method=[cam,gradcam] for all in one run, or add -m for a run each"),
        (["explain", "test/00003", "--tau", "2"], "argument --tau: 2 is out of range; give 0 or more and below 1"),
        (["explain", "test/00003", "--label", "-1"], "argument --label: -1 is out of range; give 0 or more"),
        (["explain", "test/00003", "protocol=[]"], "no protocol is chosen"),
        (
            ["explain", "test/00003", "model=[shapes_gap,shapes_vgg]"],
            "this takes one model; only wsol run takes several",
        ),
        (["table", "--resamples", "1e12"], "argument --resamples: '1e12' is not valid; expected int (1 or more"),
        (["table", "--resamples", "1" + "0" * 12], "argument --resamples: 1000000000000 is out of range"),
        (["table", "--resamples", "9" * 5000], "--resamples: '9999"),
        (["table", "--nope"], "unrecognized arguments: --nope; see wsol table --help"),
        (["compare", "a", "b", "--top", "-1"], "argument --top: -1 is out of range; give 0 or more"),
        (["score", "--maps", "x"], "the following arguments are required: --annotations, --protocol"),
        (
            ["score", "--maps", "x", "--annotations", "y", "--protocol", "pxap", "--step", "1e-9"],
            "argument --step: 1e-09 is out of range; give 1e-06 or more and at most 0.5",
        ),
        (["explain", "no_such.jpg"], "neither a file nor an image id"),
    ],
)
def test_other_commands_too(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from wsol.runs.folder import RunFolder

    monkeypatch.chdir(tmp_path)
    RunFolder(tmp_path / "results" / "runs" / "some-run").write_manifest({})
    assert main(words) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1
    assert len(printed) < 1000
