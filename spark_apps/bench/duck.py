"""The same question asked of DuckDB, with as many threads as Spark has cores.

It has neither NFKC nor case folding, so Python folds each distinct spelling once, and the counts are joined to them.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import duckdb

from spark_apps.bench.loop import SNOWFLAKE_MS, TAG, fold
from spark_apps.contract import MINUTE_MS

_ENTITIES = "STRUCT(hashtags STRUCT(tag VARCHAR)[])"
_NOTE = f'STRUCT("text" VARCHAR, entities {_ENTITIES})'
_REFERENCES = 'STRUCT("type" VARCHAR, id VARCHAR)[]'
_TWEET = f'"text" VARCHAR, entities {_ENTITIES}, note_tweet {_NOTE}, note_post {_NOTE}'
_COLUMNS = {
    "data": f"STRUCT(id VARCHAR, {_TWEET}, referenced_tweets {_REFERENCES}, referenced_posts {_REFERENCES}, "
            "edit_history_tweet_ids VARCHAR[], edit_history_post_ids VARCHAR[])",
    "includes": f"STRUCT(tweets STRUCT(id VARCHAR, {_TWEET})[], posts STRUCT(id VARCHAR, {_TWEET})[])",
}

# A place is entities or, where there are none, a text: whichever comes first counts.
_FORMS = """
    CASE WHEN note.entities IS NOT NULL THEN names(note.entities)
         WHEN original IS NOT NULL AND original_note.entities IS NOT NULL THEN names(original_note.entities)
         WHEN original IS NOT NULL AND original.entities IS NOT NULL THEN names(original.entities)
         WHEN original IS NOT NULL THEN regexp_extract_all(coalesce(original_note."text", original."text"), $tag, 1)
         WHEN data.entities IS NOT NULL THEN names(data.entities)
         ELSE regexp_extract_all(coalesce(note."text", data."text"), $tag, 1) END"""

_READ = """
    CREATE TEMP TABLE tweets AS
    WITH records AS (
        SELECT data, coalesce(data.note_tweet, data.note_post) AS note,
            coalesce(data.edit_history_tweet_ids[1], data.edit_history_post_ids[1], data.id)::BIGINT AS identity,
            list_filter(coalesce(data.referenced_tweets, data.referenced_posts),
                        lambda one: one."type" = 'retweeted')[1].id AS retweeted,
            coalesce(includes.tweets, includes.posts) AS included
        FROM read_json($files, format = 'newline_delimited', columns = $columns)),
    found AS (SELECT *, list_filter(included, lambda one: one.id = retweeted)[1] AS original FROM records),
    noted AS (SELECT *, coalesce(original.note_tweet, original.note_post) AS original_note FROM found)
    SELECT identity, (identity >> 22) + {snowflake} - ((identity >> 22) + {snowflake}) % {minute} AS minute,
        any_value({forms}) AS forms
    FROM noted GROUP BY identity"""

_COUNT = """
    SELECT minute, '' AS key, count(*) FROM tweets GROUP BY minute
    UNION ALL
    SELECT minute, key, count(*) FROM (SELECT DISTINCT identity, minute, key FROM tagged JOIN keys USING (form))
    GROUP BY minute, key"""


def count(names: Sequence[str], threads: int) -> Counter[tuple[int, str]]:
    with duckdb.connect(":memory:", config={"threads": threads}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("CREATE MACRO names(e) AS coalesce(list_transform(e.hashtags, lambda one: one.tag), [])")
        read = _READ.format(snowflake=SNOWFLAKE_MS, minute=MINUTE_MS, forms=_FORMS)
        connection.execute(read, {"files": list(names), "columns": _COLUMNS, "tag": TAG})
        connection.execute("CREATE TEMP TABLE tagged AS SELECT identity, minute, unnest(forms) AS form FROM tweets")
        forms = [form for (form,) in connection.execute("SELECT DISTINCT form FROM tagged").fetchall()]
        connection.execute("CREATE TEMP TABLE keys AS SELECT unnest($forms) AS form, unnest($keys) AS key",
                           {"forms": forms, "keys": [fold(form) for form in forms]})
        rows = connection.execute(_COUNT).fetchall()
    return Counter({(minute, key): tweets for minute, key, tweets in rows})
