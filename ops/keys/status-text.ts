import type { RingStatus, TenantStatus } from '../../contracts/keys/ring-status.ts';

const dayMs = 86_400_000;

/** What stands in a keyring, as lines for people. */
export function statusText(
  { root, subjects, erased, records }: Omit<RingStatus, 'tenants'>,
  tenants: readonly TenantStatus[],
  form: 'list' | 'status',
): string {
  const whole = `${tenants.length} tenants, ${subjects} subjects, ${erased} erased; ${records} records; root key: ${root}`;
  if (form === 'status') return whole;
  return [...tenants.map(line), whole].join('\n');
}

function line(status: TenantStatus): string {
  const { tenant, common, version, rotatedAt, subjects, subjectKeys, tokenVersion } = status;
  const name = common ? '(of before tenants had keys)' : (tenant ?? '(no tenant)');
  const days = Math.floor((Date.now() - Date.parse(rotatedAt)) / dayMs);
  return `${name.padEnd(24)} key v${version}, ${days} days old; ${subjects} subjects, ${subjectKeys} keys of theirs; tokens v${tokenVersion}`;
}
