"""Why a file, source or question could not be read, as the engine words it in English, in a guild's language. Pure.

The engine stores and logs its reasons as ends of sentences, with what they are about in them. Here each is a template; {}
stands for any text.
"""

import re
from collections.abc import Mapping
from functools import cache

from bot.discord.translations import ENGLISH, GERMAN, Translations

ENGLISH_REASONS = {
    "{}: it is no longer read; `dateline follow remove` takes it off the list": (
        "{}: it is no longer read; `/library follow remove` takes it off the list"
    ),
    "is larger than {} bytes: raise DATELINE_FOLLOW_BYTES to fetch it": (
        "is larger than {} bytes: the operator can raise DATELINE_FOLLOW_BYTES"
    ),
    "lies on this machine or its own network: set DATELINE_PRIVATE_ADDRESSES=true where that is meant": (
        "lies in the bot's own network: the operator can allow that with DATELINE_PRIVATE_ADDRESSES=true"
    ),
    "names {}, which {}": "names {}, which {}",
}
"""What advises a command of the terminal's, or a setting that a server's admins do not have."""

GERMAN_REASONS = {
    "has moved for good to {}, which is followed already: it is not read any more": (
        "ist für immer nach {} umgezogen, dem schon gefolgt wird, und wird nicht mehr gelesen"
    ),
    # Files and their articles.
    "has no text among its fields ({}): call it `text`.": "hat unter den Feldern ({}) keinen Text: nenn das Feld `text`.",
    "has in its field {} no text; it is stored without.": "hat im Feld {} keinen Text; der Artikel ist ohne das gespeichert.",
    "has only a summary; if its field {} holds the text, call that `text`.": (
        "hat nur eine Zusammenfassung; wenn das Feld {} den Text enthält, nenn es `text`."
    ),
    "has {}; it is stored without a date.": "hat {}; der Artikel ist ohne Datum gespeichert.",
    "has {}; it is stored without the date of its change.": "hat {}; der Artikel ist ohne Änderungsdatum gespeichert.",
    "the date {}, which cannot be read: write it as YYYY-MM-DD": "das Datum {}, das nicht lesbar ist: schreib es als JJJJ-MM-TT",
    "the date {}, which lies in the future: correct it": "das Datum {}, das in der Zukunft liegt: berichtige es",
    "the date {}, older than any newspaper: correct it": "das Datum {}, das älter ist als jede Zeitung: berichtige es",
    "the date {}, where the clocks of computers begin: correct it": "das Datum {}, mit dem Computeruhren anfangen: berichtige es",
    "is longer than {} million characters: split it.": "ist länger als {} Millionen Zeichen: teil es auf.",
    "holds no text.": "enthält keinen Text.",
    "is binary, or text in an encoding that is not recognised: save it as UTF-8.": (
        "ist kein Text oder hat eine unbekannte Zeichencodierung: speichere es als UTF-8."
    ),
    "is damaged, or not packed as its name says: pack it again.": (
        "ist beschädigt oder nicht so gepackt, wie ihr Name sagt: pack sie neu."
    ),
    "is a pipe or device, which may never end: save it as a file.": (
        "ist eine Pipe oder ein Gerät und endet vielleicht nie: speichere es als Datei."
    ),
    "is an archive: unpack it and give its folder.": "ist ein Archiv: pack es aus und gib seinen Ordner an.",
    "is encrypted: unpack it yourself.": "ist verschlüsselt: pack sie selbst aus.",
    "holds more than {} files: divide it.": "enthält mehr als {} Dateien: teil es auf.",
    "unpacks to more than {} bytes: divide it.": "wird entpackt größer als {} Bytes: teil es auf.",
    "is nested deeper than any article: convert it to text.": "ist tiefer verschachtelt als jeder Artikel: wandle es in Text um.",
    "is a damaged {} file ({}): save it again, or convert it to text.": (
        "ist eine beschädigte Datei ({}, {}): speichere sie neu, oder wandle sie in Text um."
    ),
    "needs more memory than a document may: convert it to text, or split it.": (
        "braucht mehr Speicher, als ein Dokument darf: wandle es in Text um, oder teil es auf."
    ),
    "takes longer than {} seconds to read: convert it to text, or split it.": (
        "ist in {} Sekunden nicht zu lesen: wandle es in Text um, oder teil es auf."
    ),
    "ends the program that reads it ({}): convert it to text.": (
        "bringt das lesende Programm zum Absturz ({}): wandle es in Text um."
    ),
    "has front matter that is not YAML ({}): its lines were read one by one.": (
        "hat einen Vorspann, der kein YAML ist ({}): er wurde Zeile für Zeile gelesen."
    ),
    "has front matter that is not TOML ({}): it is stored as text.": (
        "hat einen Vorspann, der kein TOML ist ({}): er ist als Text gespeichert."
    ),
    "is no saved mail: it has neither sender nor date nor subject.": (
        "ist keine gespeicherte Mail: Absender, Datum und Betreff fehlen."
    ),
    "holds no text: if it only brings a file, save that file.": (
        "enthält keinen Text: bringt die Mail nur eine Datei mit, dann speichere diese."
    ),
    "is encrypted: open it in your mail program and save its text.": (
        "ist verschlüsselt: öffne die Mail in deinem Mailprogramm und speichere ihren Text."
    ),
    "is HTML that cannot be parsed ({}).": "ist HTML, das sich nicht lesen lässt ({}).",
    "is a list of headlines and no article: save the articles it leads to.": (
        "ist eine Liste von Schlagzeilen und kein Artikel: speichere die Artikel, zu denen sie führt."
    ),
    "is the beginning of an article behind a paywall: save the page while you are signed in, or give its text.": (
        "ist der Anfang eines Artikels hinter einer Bezahlschranke: speichere die Seite angemeldet, oder gib ihren Text."
    ),
    "is an error or a check of the site and no article: open it again and save what is shown then.": (
        "ist eine Fehlermeldung oder Abfrage der Website und kein Artikel: öffne die Seite neu und speichere, was dann da ist."
    ),
    "asks for consent and holds no article: save the page after you have answered.": (
        "fragt nach einer Einwilligung und enthält keinen Artikel: speichere die Seite, wenn du geantwortet hast."
    ),
    "holds no text without its scripts: open it in a browser and save what is shown, or give its text.": (
        "enthält ohne ihre Skripte keinen Text: öffne die Seite im Browser und speichere, was da ist, oder gib ihren Text."
    ),
    "holds no article outside of menus, teasers and scripts.": "enthält außer Menüs, Anreißern und Skripten keinen Artikel.",
    "unpacks to more than any article: print it to a new PDF, or give its text.": (
        "ist ausgepackt größer als jeder Artikel: druck es in ein neues PDF, oder gib den Text."
    ),
    "is a damaged PDF ({}): save it again.": "ist ein beschädigtes PDF ({}): speichere es neu.",
    "holds pictures of pages and no text: run text recognition (OCR) over it first.": (
        "enthält Bilder von Seiten und keinen Text: lass erst eine Texterkennung (OCR) darüber laufen."
    ),
    "has {} of {} pages without text; if they are pictures of text, run text recognition over them.": (
        "hat {} von {} Seiten ohne Text; sind es Bilder von Text, dann lass eine Texterkennung darüber laufen."
    ),
    "is encrypted: open it with its password and print it to a new PDF.": (
        "ist verschlüsselt: öffne es mit dem Passwort und druck es in ein neues PDF."
    ),
    "is longer than {} MB: split it into its articles.": "ist länger als {} MB: teil es in seine Artikel auf.",
    "repeats the id {} of {}: give it its own.": "hat dieselbe Kennung {} wie {}: gib dem Artikel eine eigene.",
    "has the id {} of {}: it is stored as {}.": "hat die Kennung {} von {}: der Artikel ist als {} gespeichert.",
    "is longer than {} MB: save it as .jsonl, one article a line.": (
        "ist länger als {} MB: speichere es als .jsonl, einen Artikel je Zeile."
    ),
    "is longer than {} MB.": "ist länger als {} MB.",
    "is not JSON ({}).": "ist kein JSON ({}).",
    "is not a JSON object with id, title, source, url, published and text.": (
        "ist kein JSON-Objekt mit id, title, source, url, published und text."
    ),
    "has no column of texts in its first line ({}): call one `text`.": (
        "nennt in der ersten Zeile ({}) keine Spalte mit Texten: nenn eine davon `text`."
    ),
    "has {} values, the first line names {}.": "hat {} Werte, die erste Zeile nennt {}.",
    "is not CSV from line {} on ({}).": "ist ab Zeile {} kein CSV ({}).",
    "holds no text: if its pages are pictures, run text recognition (OCR) over them first.": (
        "enthält keinen Text: sind die Seiten Bilder, dann lass erst eine Texterkennung (OCR) darüber laufen."
    ),
    "is encrypted or in Word's older format: save it as .docx without a password.": (
        "ist verschlüsselt oder in einem alten Word-Format: speichere es ohne Passwort als .docx."
    ),
    "is no Word document, or a damaged one: save it again as .docx.": (
        "ist kein Word-Dokument oder ein beschädigtes: speichere es neu als .docx."
    ),
    "unpacks to more than {} MB: give its text.": "ist ausgepackt größer als {} MB: gib den Text.",
    "declares entities, as no word processor does and attacks do: save it again as .docx.": (
        "enthält XML-Entitäten, wie nur Angriffe sie haben: speichere es neu als .docx."
    ),
    "is a damaged Word document ({}): save it again as .docx.": (
        "ist ein beschädigtes Word-Dokument ({}): speichere es neu als .docx."
    ),
    # Addresses, feeds and pages.
    "has no full text in its feed either.": "hat auch im Feed keinen ganzen Text.",
    "is empty": "ist leer",
    "takes longer than {} seconds to read, which no feed should": (
        "ist in {} Sekunden nicht zu lesen; so lange braucht kein brauchbarer Feed"
    ),
    "cannot be read now: its reader does not start ({})": "ist gerade nicht zu lesen: das lesende Programm startet nicht ({})",
    "ends the program that reads it, as too much memory would: it is not read": (
        "bringt das lesende Programm zum Absturz, wohl durch zu viel Speicher: er wird nicht gelesen"
    ),
    "ends the program that reads it (an answer that is none): it is not read": (
        "bringt das lesende Programm durcheinander (eine Antwort, die keine ist): er wird nicht gelesen"
    ),
    "declares XML entities of its own, which no feed needs: it is not read": (
        "enthält eigene XML-Entitäten, die kein Feed braucht: das wird nicht gelesen"
    ),
    "holds {}, not the feed it is followed as": "enthält {} und nicht den Feed, als der sie verfolgt wird",
    "ends in the middle": "bricht mittendrin ab",
    "is XML that the feed parser fails at ({})": "ist XML, an dem das Lesen des Feeds scheitert ({})",
    "is XML that cannot be read as a feed": "ist XML, aber kein lesbarer Feed",
    "is JSON that breaks off or is none": "ist JSON, das abbricht, oder keines",
    "is JSON, but no JSON Feed": "ist JSON, aber kein JSON-Feed",
    "is a sitemap that breaks off or is no XML": "ist eine Sitemap, die abbricht oder kein XML ist",
    "did not answer in full within {} seconds": "hat in {} Sekunden nicht ganz geantwortet",
    "redirects in a circle": "leitet im Kreis weiter",
    "redirects more than {} times": "leitet mehr als {}-mal weiter",
    "redirects to something that is no web address": "leitet zu etwas weiter, das keine Webadresse ist",
    "is not an address: correct it": "ist keine Adresse: berichtige sie",
    "is no web address ({}:): only http and https are fetched": "ist keine Webadresse ({}:): nur http und https werden gelesen",
    "is longer than {} characters: no site has such an address": "ist länger als {} Zeichen: so eine Adresse hat keine Website",
    "holds a name or password: leave them out": "enthält einen Namen oder ein Passwort: lass sie weg",
    "is gone for good, the server says (410)": "gibt es nicht mehr, sagt der Server (410)",
    "{}: it is no longer read; `dateline follow remove` takes it off the list": (
        "{}: sie wird nicht mehr gelesen; `/library follow remove` nimmt sie von der Liste"
    ),
    "is not there (404): check the address": "ist nicht da (404): prüf die Adresse",
    "is not open to this program (the server answers {})": "lässt Programme wie mich nicht lesen (der Server antwortet {})",
    "is asked too often (429): it is asked less often now": "wird zu oft gefragt (429): ab jetzt seltener",
    "cannot be had just now (the server answers {})": "ist gerade nicht zu haben (der Server antwortet {})",
    "belongs to a site that asked to be left alone for a while": (
        "gehört zu einer Website, die eine Weile in Ruhe gelassen werden will"
    ),
    "is packed as {}, which was not asked for": "ist als {} gepackt, was nicht verlangt war",
    "is packed in a way that cannot be unpacked": "ist so gepackt, dass es sich nicht auspacken lässt",
    "breaks off before its end": "bricht vor dem Ende ab",
    "is larger than {} bytes: raise DATELINE_FOLLOW_BYTES to fetch it": (
        "hat mehr als die erlaubten {} Bytes: der Betreiber kann DATELINE_FOLLOW_BYTES erhöhen"
    ),
    "lies on this machine or its own network: set DATELINE_PRIVATE_ADDRESSES=true where that is meant": (
        "liegt im eigenen Netz des Bots, dort liest er nicht: der Betreiber kann es mit DATELINE_PRIVATE_ADDRESSES=true erlauben"
    ),
    "has a host that no name server knows: check the address and the network": (
        "hat einen Rechnernamen, den niemand kennt: prüf die Adresse"
    ),
    "has no certificate that can be trusted: nothing is read from it until it has": (
        "hat kein vertrauenswürdiges Zertifikat: solange wird dort nichts gelesen"
    ),
    "cannot be connected to: check the address, or wait until the server is back": (
        "ist nicht zu erreichen: prüf die Adresse, oder warte, bis der Server wieder da ist"
    ),
    "answers with something that is not HTTP": "antwortet mit etwas, das kein HTTP ist",
    "names {}, which {}": "nennt {}; das {}",
    "is not for programs, the site's robots.txt says": "ist nicht für Programme, sagt die robots.txt der Website",
    "is not fetched because the site's robots.txt {}": "wird nicht gelesen: die robots.txt der Website {}",
    "is {}: only feeds, sitemaps and pages can be followed": "ist {}: nur Feeds, Sitemaps und Seiten lassen sich verfolgen",
    "of no known type": "von unbekannter Art",
    # Questions.
    "The question holds no word: ask it in words.": "In der Frage steht kein Wort: frag in Worten.",
    "Nothing was asked before {}: ask with the name or thing in it.": (
        "Vor {} wurde nichts gefragt: frag mit dem Namen oder der Sache darin."
    ),
}

REASONS: Mapping[str, Mapping[str, str]] = {ENGLISH.name: ENGLISH_REASONS, GERMAN.name: GERMAN_REASONS}


def reason_words(reason: str, t: Translations) -> str:
    """The engine's reason in a language; one that is not known stays as it is, for what it names may be needed.

    What a reason was filled with may be a reason itself: why a feed's sitemap could not be read.
    """
    known = REASONS[t.name]
    for template in by_length(t.name):
        found = pattern_of(template).fullmatch(reason)
        if found is not None:
            return known[template].format(*(reason_words(part, t) for part in found.groups()))
    return reason


@cache
def by_length(language: str) -> tuple[str, ...]:
    """The templates of a language, those that say most first: "is longer than {} MB." fits others, too."""
    return tuple(sorted(REASONS[language], key=lambda template: -len(template)))


@cache
def pattern_of(template: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(map(re.escape, template.split("{}"))), re.DOTALL)
