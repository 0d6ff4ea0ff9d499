"""Fixtures of report metrics.

    python tools/reference/metrics_texts.py

pycocoevalcap (BLEU, ROUGE-L, CIDEr-D, its tokeniser in Java) and scikit-learn (F1 of labels) are the
references. The sentences are made up.
"""

import json
import pathlib
import random

import numpy as np
import sklearn.metrics as sm
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

HERE = pathlib.Path(__file__).resolve().parents[2]
OUT = HERE / "crates/metrics/tests/fixtures/texts.json"

SENTENCES = """No acute cardiopulmonary process.
The heart isn't enlarged; it's 3.5 cm (previously 3.2cm).
AP/PA views: 1. Right-sided effusion. 2. No pneumothorax.
Dr. Smith's patient, 45-year-old, 50% reduction.
Compared to 01/02/2003 at 10:30 a.m. there is ___ change.
Size 1.2 x 3.4 x 5 cm.
"Quoted" text and 'single' ones, e.g. this; i.e., that.
T1/T2-weighted, C5-C6, L4/5, and/or, h/o CHF, s/p CABG.
don't can't won't I'm we've they'll he'd cannot
Lines -- and - dashes [x] {y} $5.00 & @ # * + = < >
XXXX XXXX. Findings/Impression:No change.New nodule.
<unk> temp 38.5°C, ~5mm, >3cm, ±2, 5-10%, 1,000 mL
vs. prior; No. 3, fig. 2, et al. 2010
U.S. study, mg/dL, p.m.
Left lower lobe opacity,likely atelectasis.(see above)
right upper lobe?! what
3rd 4th ribs T12 vertebra #2
A.P. view. St. Jude pacer. Pt. is well.
non-small-cell  multiple   spaces	tab
2.5x3.1 45yo 45y/o M/F R>L L1-L2. hasn't couldn't 1,5-2 a/b/c/d""".split("\n")

PHRASES = """the lungs are clear|no focal consolidation|there is a small left pleural effusion
no pneumothorax is seen|the cardiomediastinal silhouette is normal|heart size is mildly enlarged
right basilar atelectasis is unchanged|the osseous structures are intact
a right internal jugular line ends in the superior vena cava|mild pulmonary edema has improved
there is no evidence of pneumonia|degenerative changes of the thoracic spine
low lung volumes|bilateral interstitial opacities|the aorta is tortuous""".replace("\n", "|").split("|")

CHINESE = """双肺纹理清晰|未见明显实变影|左侧少量胸腔积液|心影大小形态正常|右下肺见1.5cm结节
纵隔未见增大淋巴结|双侧肋膈角锐利|主动脉迂曲钙化""".replace("\n", "|").split("|")


def reports(rng, phrases, n, dot, join):
    pairs = []
    for _ in range(n):
        ref = rng.sample(phrases, rng.randint(2, 5))
        hyp = [p for p in ref if rng.random() < 0.6]
        hyp += rng.sample(phrases, rng.randint(0, 2))
        rng.shuffle(hyp)
        pairs.append((dot.join(hyp) + dot.rstrip() if hyp else "", dot.join(ref) + dot.rstrip()))
    return pairs


def score(tokens):
    """tokens: list of (prediction, [references]) already cut, words joined by blanks."""
    gts = {i: r for i, (_, r) in enumerate(tokens)}
    res = {i: [p] for i, (p, _) in enumerate(tokens)}
    bleu, per = Bleu(4).compute_score(gts, res, verbose=0)
    rouge, rouges = Rouge().compute_score(gts, res)
    cider, ciders = Cider().compute_score(gts, res)
    return {
        "bleu": bleu,
        "bleu_cases": [list(x) for x in np.array(per).T],
        "rouge": float(rouge),
        "rouge_cases": [float(x) for x in rouges],
        "cider": float(cider),
        "cider_cases": [float(x) for x in ciders],
    }


def ptb(texts):
    found = PTBTokenizer().tokenize({i: [{"caption": t}] for i, t in enumerate(texts)})
    return [found[i][0] for i in range(len(texts))]


def labels():
    rng = np.random.default_rng(7)
    value = [1, 0, -1, None]
    ref = rng.choice(4, (60, 5), p=[0.3, 0.3, 0.1, 0.3])
    hyp = np.where(rng.random((60, 5)) < 0.7, ref, rng.choice(4, (60, 5)))
    ref[:, 4] = np.where(ref[:, 4] == 1, 1, 3)
    hyp[:, 4] = 3
    out = {
        "reference": [[value[x] for x in row] for row in ref],
        "predicted": [[value[x] for x in row] for row in hyp],
    }
    for name, positive in (("positive", [0, 2]), ("negative", [0])):
        r, h = np.isin(ref, positive), np.isin(hyp, positive)
        out[name] = {
            average: float(sm.f1_score(r, h, average=average, zero_division=0))
            for average in ("micro", "macro", "weighted")
        } | {"accuracy": float(sm.accuracy_score(r, h))}
    return out


if __name__ == "__main__":
    rng = random.Random(3)
    english = reports(rng, PHRASES, 40, ". ", "")
    chinese = reports(rng, CHINESE, 25, "。", "")
    fixture = {"ptb": [[t, x.split()] for t, x in zip(SENTENCES, ptb(SENTENCES))], "sets": {}}
    spaced = [(p, [r]) for p, r in english]
    fixture["sets"]["space"] = {"pairs": spaced, **score(spaced)}
    flat = [t for pair in english for t in pair]
    cut = ptb([t if t else "." for t in flat])
    cut = [(cut[2 * i], [cut[2 * i + 1]]) for i in range(len(english))]
    fixture["sets"]["ptb"] = {"pairs": spaced, **score(cut)}
    several = [(p, [r, english[(i + 1) % 40][1]]) for i, (p, r) in enumerate(english)]
    fixture["sets"]["two_references"] = {"pairs": several, **score(several)}

    def characters(text):
        out, open_ = [], False
        for at, c in enumerate(text):
            if "\u4e00" <= c <= "\u9fff":
                out.append(c)
                open_ = False
            elif c.isalnum() or (c == "." and open_):
                if open_:
                    out[-1] += c.lower()
                else:
                    out.append(c.lower())
                open_ = True
            else:
                open_ = False
        return " ".join(out)

    cut = [(characters(p), [characters(r)]) for p, r in chinese]
    fixture["sets"]["characters"] = {"pairs": [(p, [r]) for p, r in chinese], **score(cut)}
    fixture["labels"] = labels()
    OUT.write_text(json.dumps(fixture, ensure_ascii=False, separators=(",", ":")) + "\n")
