"""SQL of a past moment's periods, read one by one where sums know too little of them.

$1 is the tenant, $3 the moment and $4 the midnight of UTC before it.
"""

from typing import Final

# Sums have what closed in a day of UTC where the day's noon is.
NOON: Final = "date_trunc('day', p.closed_at, 'UTC') + interval '12 hours'"
# Periods `p` that began between that midnight and the moment, and against them those that ended there.
SINCE_MIDNIGHT: Final = """
      FROM (SELECT 1 AS sign, b.*
              FROM deal_periods b
             WHERE b.tenant_id = $1 AND b.valid_from >= $4::timestamptz AND b.valid_from <= $3::timestamptz
             UNION ALL
            SELECT -1, e.*
              FROM deal_periods e
             WHERE e.tenant_id = $1 AND e.valid_to >= $4::timestamptz AND e.valid_to <= $3::timestamptz) p"""
# The period `p` of each deal `d` at the moment.
OF_EACH_DEAL: Final = """
      FROM deal_facts d
     CROSS JOIN LATERAL (
        SELECT 1 AS sign, c.* FROM deal_periods c WHERE c.tenant_id = $1 AND c.deal_id BETWEEN d.deal_id AND d.deal_id
         ORDER BY c.deal_id, c.valid_from
        OFFSET 0) p
     WHERE d.tenant_id = $1 AND p.pipeline_id = $2
       AND p.valid_from <= $3::timestamptz AND (p.valid_to > $3::timestamptz OR p.valid_to IS NULL) AND """
