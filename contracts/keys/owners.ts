import type { TableContract } from '../contract.ts';
import type { Owner } from './keyring.ts';

/** What a contract says of whom its rows belong to. */
export type OwnedRows = Pick<TableContract, 'tenant' | 'subject'>;

/** Whom a row belongs to that tells this tenant and this person: the person, or else the tenant; null if it tells neither. */
export function ownerNamed(
  { tenant: column, subject }: OwnedRows,
  tenant: string | null,
  person: string | null,
): Owner | null {
  if (subject && person !== null) return { tenant, domain: subject.domain, subject: person };
  return tenant === null ? null : { tenant, domain: column ?? '', subject: null };
}

/** Whose letter it is that tells of these: each subject once, or else each tenant. */
export function letterOwners(told: readonly Owner[]): readonly Owner[] {
  const subjects = told.filter(({ subject }) => subject !== null);
  const owners = subjects.length > 0 ? subjects : told;
  return [...new Map(owners.map((owner) => [JSON.stringify(owner), owner])).values()];
}
