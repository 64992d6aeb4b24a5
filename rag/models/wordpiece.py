"""The tokenizer of the embedder and of the reader: BERT uncased WordPiece over the vocabulary in rag/data/."""

from importlib.resources import files

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing

VOCABULARY = "bert-base-uncased-vocab.txt"


def bert_tokenizer() -> Tokenizer:
    """A new tokenizer, with [CLS] and [SEP] around each text by default."""
    lines = files("rag.data").joinpath(VOCABULARY).read_text("utf-8").split("\n")
    vocabulary = {token: number for number, token in enumerate(lines) if token}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.decoder = WordPieceDecoder()
    tokenizer.post_processor = BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    return tokenizer
