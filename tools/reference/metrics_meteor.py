"""Fixture of METEOR and its stemmer.

    pip install nltk
    python tools/reference/metrics_meteor.py [WORDNET_FOLDER]

NLTK's `meteor_score` and `PorterStemmer` are the reference. Without a folder, synonyms are left out: the
synonym stage then gets a stand-in that knows none. With a folder of WordNet's own files, the scores with
synonyms are printed for comparison, not stored.
"""

import json
import pathlib
import random
import sys

import nltk
from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import meteor_score

HERE = pathlib.Path(__file__).resolve().parents[2]
OUT = HERE / "crates/metrics/tests/fixtures/meteor.json"

STEMS = """relat condit rat valenc hesitanc digit conform radic differ vile analog vietnam predic oper feud
decis hope call form sensit sensib triplic electr good reviv allow infer airlin gyroscop adjust defens irrit
replac depend adopt homolog commun activ angul effect bowdler prob ceas controll roll hopp tann fall hiss
fizz fail fil caress pon t cat f agr plaster bl motor s conflat troubl siz happ sk enjo sp tr syzyg opac
effus consolid pneum thorac cardi edem atelecta nodul lymph granul calcif fibro oblig""".split()
ENDINGS = """ s es ies ed eed ing y ly ational tional enci anci izer abli alli entli eli ousli ization ation
ator alism iveness fulness ousness aliti iviti biliti icate ative alize iciti ical ful ness al ance ence er
ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ll lle logi logy fulli sses ss
ied ying""".split(" ")
IRREGULAR = "sky skies dying lying tying news innings outings cannings howe proceed exceed succeed a is be y yy".split()

PHRASES = """the lungs are clear|no focal consolidation|there is a small left pleural effusion
no pneumothorax is seen|the cardiomediastinal silhouette is normal|heart size is mildly enlarged
right basilar atelectasis is unchanged|the osseous structures are intact|small effusions are seen
a right internal jugular line ends in the superior vena cava|mild pulmonary edema has improved
there is no evidence of pneumonia|degenerative changes of the thoracic spine|enlarging opacity
low lung volumes|bilateral interstitial opacities|the aorta is tortuous|the the is is""".replace("\n", "|").split("|")
CHINESE = "双肺纹理清晰|未见明显实变影|左侧少量胸腔积液|心影大小形态正常|纵隔未见增大淋巴结|主动脉迂曲钙化".split("|")


class Nothing:
    def synsets(self, word):
        return []


def pairs(rng, phrases, n, join):
    out = []
    for _ in range(n):
        ref = rng.sample(phrases, rng.randint(1, 4))
        own = [p for p in ref if rng.random() < 0.6] + rng.sample(phrases, rng.randint(0, 2))
        rng.shuffle(own)
        out.append((join(own), [join(ref), join(rng.sample(phrases, 2))][: rng.randint(1, 2)]))
    return out


if __name__ == "__main__":
    rng = random.Random(5)
    words = sorted({stem + end.strip() for stem in STEMS for end in ENDINGS})
    words = IRREGULAR + rng.sample(words, 1500)
    stemmer = PorterStemmer()
    sets = {
        "words": pairs(rng, PHRASES, 60, lambda p: " ".join(p).split()),
        "characters": pairs(rng, CHINESE, 20, lambda p: list("".join(p))),
    }
    fixture = {"nltk": nltk.__version__, "stems": [[w, stemmer.stem(w)] for w in words], "sets": {}}
    for name, cases in sets.items():
        fixture["sets"][name] = [
            {"predicted": own, "references": refs, "meteor": meteor_score(refs, own, wordnet=Nothing())}
            for own, refs in cases
        ]
    OUT.write_text(json.dumps(fixture, ensure_ascii=False, separators=(",", ":")) + "\n")
    if len(sys.argv) > 1:
        from nltk.corpus.reader.wordnet import WordNetCorpusReader

        wordnet = WordNetCorpusReader(sys.argv[1], None)
        for own, refs in sets["words"]:
            print(json.dumps([" ".join(own), " ".join(refs[0]), meteor_score(refs[:1], own, wordnet=wordnet)]))
