import type { Ring } from './ring.ts';
import { kindOf, kinds, ownerOf, slotsOf } from './subject-log.ts';

/** Of one tenant how many keys there are, and how old. A tenant is named; a subject never is. */
export interface TenantStatus {
  readonly tenant: string | null; // Null: rows that tell no tenant.
  readonly common: boolean; // Keys of before tenants had any of their own.
  readonly version: number; // Of the key that wraps its subjects' keys.
  readonly rotatedAt: string;
  readonly subjects: number;
  readonly subjectKeys: number; // With those of before rotations, which old boxes need.
  readonly tokenVersion: number;
}

export interface RingStatus {
  readonly root: string;
  readonly tenants: readonly TenantStatus[];
  readonly subjects: number;
  readonly erased: number;
  readonly records: number;
}

/** Counts what stands in a keyring. */
export function statusOf(ring: Ring): RingStatus {
  const { keys, records } = ring;
  const subjects = new Map<string, number>();
  const versions = new Map<string, number>();
  records.scan(1, records.count, (number, record) => {
    if (kindOf(record) !== kinds.subject || ring.isVoid(number, record)) return;
    const slots = slotsOf(record);
    const isNewest = ring.newestOf(ownerOf(record)) === number;
    const id = slots.find(({ by }) => !keys.isGone(by))?.by;
    if (id === undefined) return;
    versions.set(id, (versions.get(id) ?? 0) + 1);
    if (isNewest) subjects.set(id, (subjects.get(id) ?? 0) + 1);
  });
  const all = keys.all();
  const own = Map.groupBy(
    all.filter(({ use }) => use === 'subjects'),
    ({ tenant }) => tenant,
  );
  const tenants = [...own.values()].flatMap((tenant): readonly TenantStatus[] => {
    const last = tenant.at(-1);
    if (!last) return [];
    const sum = (of: ReadonlyMap<string, number>) =>
      tenant.reduce((whole, { id }) => whole + (of.get(id) ?? 0), 0);
    const tokens = all.filter(({ use, tenant: name }) => use === 'tokens' && name === last.tenant);
    return [
      {
        tenant: ring.titleOf(last),
        common: last.tenant === '',
        version: last.version,
        rotatedAt: new Date(last.at).toISOString(),
        subjects: sum(subjects),
        subjectKeys: sum(versions),
        tokenVersion: tokens.at(-1)?.version ?? 1,
      },
    ];
  });
  const counted = tenants.reduce((whole, { subjects: some }) => whole + some, 0);
  return {
    root: keys.root.name,
    tenants,
    subjects: counted,
    erased: ring.erased,
    records: records.count - 1,
  };
}
