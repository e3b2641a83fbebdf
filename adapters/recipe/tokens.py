"""The tokenizer: every known word, every digit and every run of punctuation is one token, anything else is bytes.

A key or a value that is one token is what lets so small a model copy it. Nothing is lost: unknown words are spelt out.
"""

import random
import re
from collections import Counter
from pathlib import Path

import lexicon
from conversations import STAGES, conversation
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

SPECIAL = ["<|pad|>", "<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
PIECES = r"[A-Za-z]+|\d|[^A-Za-z\d]+"
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
RUNS_OF_PUNCTUATION = 160


def build(folder: Path) -> PreTrainedTokenizerFast:
    """Counts the pieces of a sample of conversations, and saves the tokenizer with its chat template."""
    r, counted = random.Random(0), Counter()
    for _ in range(6000):
        for _, text in conversation(r, r.choice(STAGES), lambda text: len(text) // 3):
            counted.update(re.findall(PIECES, text))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    pools = [value for name, value in vars(lexicon).items() if name.isupper() and isinstance(value, list)]
    words = [w for w, _ in counted.most_common() if w.isalpha()] + [w for pool in pools for w in sorted(pool)]
    runs = [w for w, n in counted.most_common() if not w.isalnum() and n >= 5][:RUNS_OF_PUNCTUATION]
    kept = list(dict.fromkeys(byte_level.pre_tokenize_str(w)[0][0] for w in runs + words if len(w) > 1))
    vocabulary = [(token, 0.0) for token in SPECIAL] + [("<|unk|>", -100.0)]
    vocabulary += [(byte, -20.0) for byte in sorted(byte_level.alphabet())] + [(w, -2.0) for w in kept]
    raw = Tokenizer(models.Unigram(vocabulary, unk_id=len(SPECIAL), byte_fallback=False))
    raw.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PIECES), "isolated"), byte_level])
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(SPECIAL)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<|bos|>",  # noqa: S106
        eos_token="<|end|>",  # noqa: S106
        pad_token="<|pad|>",  # noqa: S106
        unk_token="<|unk|>",  # noqa: S106
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return tokenizer
