/** A column that the source did not send because it did not change (TOAST). Neither null nor a value. */
export const unchanged: unique symbol = Symbol('unchanged');
export type Unchanged = typeof unchanged;

/** What a column can hold. What has no exact type here travels as the server's own text. */
export type Value = null | boolean | number | bigint | string;

/** A row, column by column. `unchanged` is carried as itself, and no sink ever writes NULL for it. */
export type Row = Readonly<Record<string, Value | Unchanged>>;

/** The key of a row: always whole. */
export type Key = Readonly<Record<string, Value>>;

/** The one text of a key: its columns in contract order. Kafka keys, locks and tombstones all use it. */
export function keyText(key: Key): string {
  const parts = Object.entries(key).map(
    ([column, value]) => `${JSON.stringify(column)}:${jsonText(value)}`,
  );
  return `{${parts.join(',')}}`;
}

function jsonText(value: Value): string {
  if (typeof value === 'bigint') return `${value}`;
  // JSON would call them all null.
  return JSON.stringify(typeof value === 'number' && !Number.isFinite(value) ? `${value}` : value);
}
