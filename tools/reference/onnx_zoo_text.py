"""Networks of transformers, and recurrent ones of PyTorch, for onnx_networks.py."""

import torch
import transformers as hf

from onnx_fixture import Input, Net

SEQUENCE = {0: "batch", 1: "sequence"}
TRACE = {"attn_implementation": "eager"}


class Outputs(torch.nn.Module):
    """The named entries of a model's output; its inputs by name, in the order given."""

    def __init__(self, module, inputs, outputs):
        super().__init__()
        self.module, self.inputs, self.outputs = module, inputs, outputs

    def forward(self, *values):
        found = self.module(**dict(zip(self.inputs, values, strict=True)))
        return tuple(found[name] for name in self.outputs)


def of(model, config, inputs, outputs):
    def build():
        made = config()
        made._attn_implementation = "eager"
        if hasattr(made, "use_cache"):
            made.use_cache = False
        return Outputs(model(made), inputs, outputs)

    return build


def tokens(name, length, vocabulary, batch=1, traced=None):
    return Input(name, (batch, length), 0, vocabulary, "int64", traced)


def mask(batch, length, kept, traced=None):
    """The last sequence is padded after `kept` tokens."""
    rows = [[1] * length for _ in range(batch - 1)] + [[1] * kept + [0] * (length - kept)]
    return Input("attention_mask", (batch, length), dtype="int64", traced=traced, values=sum(rows, []))


def bert():
    return hf.BertConfig(vocab_size=500, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=128, max_position_embeddings=64)


def distilbert():
    return hf.DistilBertConfig(vocab_size=500, dim=64, n_layers=3, n_heads=4, hidden_dim=128, max_position_embeddings=64)


def gpt2():
    return hf.GPT2Config(vocab_size=500, n_embd=64, n_layer=3, n_head=4, n_positions=64)


def clip():
    return hf.CLIPConfig(
        text_config={"vocab_size": 500, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 32, "eos_token_id": 499, "bos_token_id": 498, "pad_token_id": 0},
        vision_config={"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 64, "patch_size": 16},
        projection_dim=48,
    )


def detr():
    return hf.DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None,
        backbone_config=hf.ResNetConfig(embedding_size=16, hidden_sizes=[16, 32, 64, 96], depths=[1, 1, 1, 1], layer_type="basic", out_features=["stage4"]),
        d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=128, decoder_ffn_dim=128, num_queries=20, num_labels=5,
    )


def segformer():
    return hf.SegformerConfig(depths=[1, 1, 1, 1], hidden_sizes=[16, 32, 64, 96], decoder_hidden_size=64, num_labels=4)


def vit():
    return hf.ViTConfig(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=128, image_size=64, patch_size=16, num_labels=10)


def whisper():
    return hf.WhisperConfig(d_model=64, encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=128, decoder_layers=1, decoder_attention_heads=4, decoder_ffn_dim=128, num_mel_bins=40, max_source_positions=100, vocab_size=500, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1)


def t5():
    return hf.T5Config(vocab_size=500, d_model=64, d_kv=16, d_ff=128, num_layers=3, num_heads=4)


def llama():
    return hf.LlamaConfig(vocab_size=500, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)


class Recurrent(torch.nn.Module):
    """A line reader: convolution, bidirectional LSTM, GRU, class per step."""

    def __init__(self):
        super().__init__()
        self.features = torch.nn.Sequential(torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d((4, 2)))
        self.lstm = torch.nn.LSTM(64, 32, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = torch.nn.GRU(64, 48, batch_first=True)
        self.head = torch.nn.Linear(48, 30)

    def forward(self, image):
        x = self.features(image)
        x = x.permute(0, 3, 1, 2).flatten(2)
        x, _ = self.lstm(x)
        x, last = self.gru(x)
        return torch.log_softmax(self.head(x), -1), last


@torch.jit.script
def spell(state, embedding, across, bias, head, limit: int):
    """Greedy decoding until the end token 0 or `limit` steps: a loop that only the data ends."""
    token = torch.ones(1, dtype=torch.int64)
    found = torch.zeros(0, dtype=torch.int64)
    for _ in range(limit):
        state = torch.tanh(embedding[token] + state @ across + bias)
        logits = state @ head
        token = logits.argmax(1)
        if bool(token[0] == 0):
            break
        found = torch.cat([found, token])
    return found, state


class Speller(torch.nn.Module):
    """Encodes an image to one state and spells a word from it; exported as a Loop with an If."""

    def __init__(self):
        super().__init__()
        self.encode = torch.nn.Sequential(torch.nn.Conv2d(1, 32, 5, stride=4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(32 * 49, 48))
        self.embedding = torch.nn.Parameter(torch.randn(20, 48))
        self.across = torch.nn.Parameter(torch.randn(48, 48))
        self.bias = torch.nn.Parameter(torch.randn(48))
        self.head = torch.nn.Parameter(torch.randn(48, 20))

    def forward(self, image):
        return spell(self.encode(image), self.embedding, self.across * 0.3, self.bias, self.head, 12)


NETS = [
    Net("bert", "transformers", of(hf.BertModel, bert, ["input_ids", "attention_mask"], ["last_hidden_state", "pooler_output"]), [tokens("input_ids", 24, 500, 2, (1, 16)), mask(2, 24, 17, (1, 16))], 14, dynamic={"input_ids": SEQUENCE, "attention_mask": SEQUENCE}),
    Net("distilbert", "transformers", of(hf.DistilBertForSequenceClassification, distilbert, ["input_ids", "attention_mask"], ["logits"]), [tokens("input_ids", 24, 500, 2), mask(2, 24, 17)], 13),
    Net("gpt2", "transformers", of(hf.GPT2LMHeadModel, gpt2, ["input_ids"], ["logits"]), [tokens("input_ids", 20, 500)], 18, dynamo=True),
    Net("clip", "transformers", of(hf.CLIPModel, clip, ["input_ids", "pixel_values", "attention_mask"], ["logits_per_image", "text_embeds", "image_embeds"]), [tokens("input_ids", 12, 500, 2), Input("pixel_values", (2, 3, 64, 64)), mask(2, 12, 9)], 14),
    Net("detr", "transformers", of(hf.DetrForObjectDetection, detr, ["pixel_values"], ["logits", "pred_boxes"]), [Input("pixel_values", (1, 3, 128, 96))], 17),
    Net("vit_hf", "transformers", of(hf.ViTForImageClassification, vit, ["pixel_values"], ["logits"]), [Input("pixel_values", (1, 3, 64, 64))], 21, dynamo=True),
    Net("segformer", "transformers", of(hf.SegformerForSemanticSegmentation, segformer, ["pixel_values"], ["logits"]), [Input("pixel_values", (1, 3, 128, 128))], 12),
    Net("whisper_encoder", "transformers", lambda: Outputs(of(hf.WhisperModel, whisper, [], [])().module.encoder, ["input_features"], ["last_hidden_state"]), [Input("input_features", (1, 40, 200))], 17),
    Net("t5_encoder", "transformers", of(hf.T5EncoderModel, t5, ["input_ids"], ["last_hidden_state"]), [tokens("input_ids", 24, 500)], 17),
    Net("llama", "transformers", of(hf.LlamaForCausalLM, llama, ["input_ids"], ["logits"]), [tokens("input_ids", 20, 500)], 20, dynamo=True),
    Net("recurrent", "torch", Recurrent, [Input("image", (2, 1, 16, 64))], 14),
    Net("speller", "torch", Speller, [Input("image", (1, 1, 32, 32))], 13, outputs=["word", "state"], dynamic={"word": {0: "length"}}),
]
