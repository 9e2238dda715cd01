"""Names of every script are found as their readers write them: any part of a name, and no other order of its signs."""

import pytest

from crm_search.consumers import index_records
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_testing.answers import require_ok
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]

# ruff: noqa: RUF001 - signs that look like Latin ones are what this is about
COMPANIES = [
    *(
        "京东商城",
        "京东",
        "东京",
        "北京大学",
        "東京電力",
        "京都東山観光",
        "株式会社ローソン",
        "佐々木商店",
        "ＮＴＴドコモ",
    ),
    "\U00020bb7野家",
    *("삼성전자", "삼성", "현대자동차", "บริษัท ไทยประกันชีวิต", "ธนาคารกรุงเทพ", "ທະນາຄານການຄ້າຕ່າງປະເທດລາວ"),
    *("ធនាគារអេស៊ីលីដា", "ကမ္ဘောဇဘဏ်", "شركة الاتصالات السعودية", "بانک ملّی ایران", "شرکة المياه", "بنك ٢٤"),
    *(
        "רשת שופרסל",
        "🚀",
        "***",
        "Rocket 🚀 GmbH",
        "Rocket Ltd",
        "🇩🇪 Handel",
        "🇩🇰🇪🇸 Handel",
        "Klub 👍🏽",
        "Herz ❤️ Verein",
    ),
    "Stadt\u200bwerke\u200b Süd",
]
PEOPLE = {
    "kim": ("철수", "김"),
    "park": ("박지민", None),
    "wang": ("小明", "王"),
    "sato": ("花子", "佐藤"),
    "karimi": ("علي", "كريمي"),
    "ahmad": ("أحـــمد", "فاطمة"),
    "alireza": ("علی\u200cرضا", "محمدی"),
    "storm": ("约翰·史密斯", None),
    "johnson": ("ジョン・スミス", None),
    "moe": ("မိုးမိုး", None),
}
NOTE = "北方客户来访，下周去京城参观。会议在海淀举行，讨论续约价格。"

CASES = [
    # Han and kana: neighbours in their order, one sign anywhere; what begins with it and what it is stand first
    ("京东", ["京东", "京东商城"]),
    ("东京", ["东京"]),
    ("商城", ["京东商城"]),
    ("京东商", ["京东商城"]),
    ("東京", ["東京電力"]),
    ("東山", ["京都東山観光"]),
    ("北京", ["北京大学"]),
    ("山", ["京都東山観光"]),
    ("ローソン", ["株式会社ローソン"]),
    ("ﾛｰｿﾝ", ["株式会社ローソン"]),
    ("ドコモ", ["ＮＴＴドコモ"]),
    ("ntt", ["ＮＴＴドコモ"]),
    ("佐々木", ["佐々木商店"]),
    ("海淀", ["note"]),
    ("\U00020bb7", ["\U00020bb7野家", "rare"]),
    ("续约价格", ["note"]),
    # Korean: from inside a run, half a syllable, with and without the space, family name first
    ("전자", ["삼성전자"]),
    ("삼성", ["삼성", "삼성전자"]),
    ("삼서", {"삼성", "삼성전자"}),
    ("삼성 전자", ["삼성전자"]),
    ("자동차", ["현대자동차"]),
    ("철수", ["kim"]),
    ("김철수", ["kim"]),
    ("김 철수", ["kim"]),
    ("김칠수", ["kim"]),
    ("지민", ["park"]),
    ("현대자둥차", ["현대자동차"]),
    # names written first name first, or as one
    ("王小明", ["wang"]),
    ("小明", ["wang"]),
    ("佐藤花子", ["sato"]),
    ("佐藤 花子", ["sato"]),
    ("史密斯", ["storm"]),
    ("约翰史密斯", ["storm"]),
    ("ジョンスミス", ["johnson"]),
    # South-East Asia
    ("ประกัน", ["บริษัท ไทยประกันชีวิต"]),
    ("ประกันชีวิต", ["บริษัท ไทยประกันชีวิต"]),
    ("กรุงเทพ", ["ธนาคารกรุงเทพ"]),
    ("การค้า", []),
    ("ການຄ້າ", ["ທະນາຄານການຄ້າຕ່າງປະເທດລາວ"]),
    ("អេស៊ីលីដា", ["ធនាគារអេស៊ីលីដា"]),
    ("ဘဏ်", ["ကမ္ဘောဇဘဏ်"]),
    ("မိုး", ["moe"]),
    # Arabic and Persian keyboards, tatweel, harakat, hamza, digits
    ("علی کریمی", ["karimi"]),
    ("علي كريمي", ["karimi"]),
    ("على كريمى", ["karimi"]),
    ("أحمد", ["ahmad"]),
    ("احمد", ["ahmad"]),
    ("فاطمه", ["ahmad"]),
    ("عَلِيّ كَرِيمِي", ["karimi"]),
    ("علیرضا محمدي", ["alireza"]),
    ("بانك ملي", ["بانک ملّی ایران"]),
    ("شركه المياه", ["شرکة المياه"]),
    ("بنك 24", ["بنك ٢٤"]),
    ("שופרסל", ["רשת שופרסל"]),
    # names of signs alone
    ("🚀", ["🚀", "Rocket 🚀 GmbH"]),
    ("***", ["***"]),
    # pictures: in any colour, a flag as one; beside words they narrow nothing
    ("👍", ["Klub 👍🏽"]),
    ("👍🏿", ["Klub 👍🏽"]),
    ("❤", ["Herz ❤️ Verein"]),
    ("🇩🇪", ["🇩🇪 Handel"]),
    ("🔥 rocket", {"Rocket 🚀 GmbH", "Rocket Ltd"}),
    ("📞", ["called"]),
    # spaces of no width: typed, copied along or left out
    ("stadtwerke", ["Stadt\u200bwerke\u200b Süd"]),
    ("werke", ["Stadt\u200bwerke\u200b Süd"]),
    ("Stadt\u200bwerke Süd", ["Stadt\u200bwerke\u200b Süd"]),
    ("klu\u200bb", ["Klub 👍🏽"]),
]


@pytest.fixture(scope="session")
async def story(search: Kit, store: DocumentStore) -> SearchStory:
    story = SearchStory(await search.seed_tenant())
    for name in COMPANIES:
        story.add(name, "company", name=name)
    for label, (first, last) in PEOPLE.items():
        story.add(label, "contact", first_name=first, last_name=last)
    story.add("note", "activity", body=NOTE)
    story.add("rare", "activity", body="在\U00020bb7野吃饭")
    story.add("called", "activity", body="Rang them 📞 twice")
    await index_records(story.events(), search.database, store)
    await store.refresh()
    return story


@pytest.mark.parametrize(("query", "expected"), CASES, ids=[query for query, _ in CASES])
async def test_what_is_found_and_what_stands_first(
    search: Kit, story: SearchStory, query: str, expected: list[str] | set[str]
) -> None:
    found = await story.find(search.client(story.tenant.admin), query)
    assert found == expected or set(found) == expected  # a set: of one rank


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("京东", ["京东", "京东商城"]),
        ("전자", ["삼성전자"]),
        ("삼ㅅ", {"삼성", "삼성전자"}),
        ("김철", ["kim"]),
        ("ประกัน", ["บริษัท ไทยประกันชีวิต"]),
        ("علی کر", ["karimi"]),
        ("山", ["京都東山観光"]),
        ("🚀", ["🚀", "Rocket 🚀 GmbH"]),
    ],
)
async def test_suggestions_find_them_too(
    search: Kit, story: SearchStory, typed: str, expected: list[str] | set[str]
) -> None:
    found = await story.suggest(search.client(story.tenant.admin), typed)
    assert found == expected or set(found) == expected


@pytest.mark.parametrize("query", ["参城", "京参", "商东", "자전", "성삼", "電東", "กันประ"])
async def test_other_orders_of_the_same_signs_are_other_words(search: Kit, story: SearchStory, query: str) -> None:
    assert await story.find(search.client(story.tenant.admin), query) == []


@pytest.mark.parametrize(
    ("query", "snippet"),
    [
        ("전자", "삼성<em>전자</em>"),
        ("東山", "京都<em>東山</em>観光"),
        ("ประกัน", "บริษัท ไทย<em>ประกัน</em>ชีวิต"),
        ("علی کریمی", "<em>علي</em> <em>كريمي</em>"),
        ("🇩🇪", "<em>🇩🇪</em> Handel"),
        ("👍", "Klub <em>👍</em>🏽"),
        ("📞", "Rang them <em>📞</em> twice"),
        ("stadtwerke", "<em>Stadt\u200bwerke</em>\u200b Süd"),
        ("海淀", "北方客户来访，下周去京城参观。会议在<em>海淀</em>举行，讨论续约价格。"),
    ],
)
async def test_snippets_mark_what_was_found(search: Kit, story: SearchStory, query: str, snippet: str) -> None:
    body = require_ok(await search.client(story.tenant.admin).get("/v1/search", params={"q": query}))
    assert body["items"][0]["snippet"] == snippet


async def test_a_note_is_not_found_by_signs_that_stand_apart_in_it(search: Kit, story: SearchStory) -> None:
    client = search.client(story.tenant.admin)
    assert "note" not in await story.find(client, "北京")
    assert "note" in await story.find(client, "京城")
