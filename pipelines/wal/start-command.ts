import { lsnText } from '../../schemas/lsn.ts';
import type { WalSettings } from './source.ts';

/** What a WAL sender is told to begin with. */
export function startCommand(settings: WalSettings, from: bigint): string {
  const { slot, publication, protocol, binary, origin, serverVersion } = settings;
  const options = [`proto_version '${protocol}'`, `publication_names '${publication}'`];
  if (serverVersion >= 140_000) options.push(`messages 'true'`, `binary '${binary}'`);
  if (protocol >= 4) options.push(`streaming 'parallel'`);
  else if (protocol >= 2) options.push(`streaming 'on'`);
  if (origin === 'none') options.push(`origin 'none'`);
  return `START_REPLICATION SLOT "${slot}" LOGICAL ${lsnText(from)} (${options.join(', ')})`;
}
