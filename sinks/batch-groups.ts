type Groups<T> = ReadonlyMap<string, readonly T[]>;

/** Parts batches by what their values are of, each batch once. Mostly all are of one, which is told faster than they are grouped. */
export function batchGroups<T>(of: (value: T) => string): (batch: readonly T[]) => Groups<T> {
  const known = new WeakMap<readonly T[], Groups<T>>();
  return (batch) => {
    const groups = known.get(batch) ?? grouped(batch, of);
    known.set(batch, groups);
    return groups;
  };
}

function grouped<T>(batch: readonly T[], of: (value: T) => string): Groups<T> {
  const [first] = batch;
  const name = first === undefined ? '' : of(first);
  if (first !== undefined && batch.every((value) => of(value) === name))
    return new Map([[name, batch]]);
  return Map.groupBy(batch, of);
}
