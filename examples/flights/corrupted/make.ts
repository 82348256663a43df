// Makes 2013-04.parquet of this folder: every 24th flight of April 2013, spoilt in the ways that real deliveries are. Run it again with
//   node examples/flights/corrupted/make.ts
// and the same rows come out: the choice of rows is by their number, not by chance.
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'

const april = fileURLToPath(new URL('../source/flights/2013-04.parquet', import.meta.url))
const spoilt = fileURLToPath(new URL('2013-04.parquet', import.meta.url))

/** Writes the spoilt month to `target`. */
export async function make(target: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', temp_directory: '' })
  const connection = await instance.connect()
  await connection.run(`SET TimeZone = 'UTC'`)
  await connection.run(`COPY (${SPOILT}) TO '${target.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd)`)
  connection.closeSync()
  instance.closeSync()
}

const SPOILT = `
  WITH sampled AS (
    SELECT *, row_number() OVER (ORDER BY file_row_number) AS n
    FROM read_parquet('${april.replaceAll("'", "''")}', file_row_number = true) WHERE file_row_number % 24 = 0
  ), repeated AS (
    -- A producer that tried again after a time-out and wrote some rows twice.
    SELECT *, false AS again FROM sampled UNION ALL SELECT *, true FROM sampled WHERE n % 60 = 7
  )
  SELECT
    year, month, day, dep_time,
    CASE WHEN n % 70 = 11 THEN NULL ELSE sched_dep_time END AS sched_dep_time,
    dep_delay, arr_time, sched_arr_time,
    CASE WHEN n % 90 = 5 THEN 99999 ELSE arr_delay END AS arr_delay,
    CASE WHEN n % 100 = 3 THEN 'ZZ' ELSE carrier END AS carrier,
    -- The number of the flight with its carrier in front: text where a whole number was agreed.
    carrier || flight AS flight,
    CASE WHEN n % 9 = 0 THEN NULL ELSE tailnum END AS tailnum,
    CASE WHEN n % 55 = 2 THEN 'XXX' ELSE origin END AS origin,
    CASE WHEN n % 130 = 1 THEN lower(dest) ELSE dest END AS dest,
    air_time,
    CASE WHEN n % 40 = 4 THEN -distance ELSE distance END AS distance,
    CASE WHEN n % 50 = 6 THEN 24 + hour ELSE hour END AS hour,
    -- minute is left out; time_hour comes from a clock that stands sixty days behind.
    time_hour - INTERVAL 60 DAY AS time_hour,
    'batch-17' AS loaded_by
  FROM repeated ORDER BY n, again`

if (process.argv[1] === fileURLToPath(import.meta.url)) await make(spoilt)
