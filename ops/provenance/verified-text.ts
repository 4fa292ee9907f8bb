import type { Verified, VerifiedStream } from './verify.ts';

const mostFaults = 20;

/** What came of it, for people: streams, what is not proved, and every fault, the first bad segment first. */
export function verifiedText(verified: Verified): string {
  const { origin, entries, checkpoint, cosigned, cosignedBy, streams, faults } = verified;
  const head = checkpoint
    ? `log ${origin}: ${entries} entries, checkpoint of ${checkpoint.size} with root ${checkpoint.root}`
    : `log ${origin}: ${entries} entries, no checkpoint`;
  const lines = [head, ...streams.map(streamText)];
  if (cosigned && cosignedBy.length > 0)
    lines.push(
      `      cosigned by ${cosignedBy.join(', ')}: the checkpoint of ${cosigned.size} with root ${cosigned.root}`,
    );
  for (const { segment, index, what } of faults.slice(0, mostFaults))
    lines.push(`bad   ${segment ?? (index === null ? 'the log' : `entry ${index}`)}: ${what}`);
  if (faults.length > mostFaults) lines.push(`      and ${faults.length - mostFaults} more`);
  const first = faults.find(({ segment }) => segment !== null)?.segment;
  lines.push(
    verified.verified
      ? 'verified'
      : `NOT verified${first ? `; the first bad segment is ${first}` : ''}`,
  );
  return `${lines.join('\n')}\n`;
}

function streamText(verified: VerifiedStream): string {
  const { stream, segments, records, lsnTo, resent, gone, unproved } = verified;
  const notes = [
    resent > 0 ? `${resent} sent twice, which the manifests cover` : '',
    gone > 0 ? `of ${gone} segments the records are no longer in the topic` : '',
    unproved > 0 ? `${unproved} records came later and are not proved yet` : '',
  ].filter(Boolean);
  const count = (value: number) => value.toLocaleString('en-US');
  return `      ${stream}: ${count(segments)} segments, ${count(records)} records, up to ${lsnTo}${notes.map((note) => `; ${note}`).join('')}`;
}
