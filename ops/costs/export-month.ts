import { hash } from 'node:crypto';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { envelope } from '../../schemas/dsse.ts';
import { signingKey } from '../../schemas/signing-key.ts';
import { statementType } from '../../schemas/stream-manifest.ts';
import { closings, statementOf } from './closings.ts';
import { type FocusFormat, focusFile } from './focus.ts';
import type { Costs } from './open-costs.ts';

interface Asked {
  readonly month: string; // YYYY-MM
  readonly tenant: string | null;
  readonly format: FocusFormat;
  readonly name: string; // Of the file, in its manifest.
}

export interface Exported {
  readonly bytes: Buffer;
  readonly digest: string;
  readonly manifest: Buffer | null; // A DSSE envelope; null where there is no key to sign with.
}

const exportPredicate = 'https://intelgraph.dev/conductor/costs-export/v1';

/** A closed month as a file of FOCUS, and a signed statement of its digest. The same bytes whenever it is asked for. */
export async function exportMonth(
  costs: Costs,
  { month, tenant, format, name }: Asked,
): Promise<Exported> {
  const closing = (await closings(costs)).find(
    (each) => each.month === month && each.state === 'closed',
  );
  if (!closing)
    throw new CannotRun({
      what: `${month} is not closed: what it costs may still change`,
      where: month,
      fix: `close it first: conductor costs close --month ${month}`,
    });
  const { digest: lines } = await statementOf(costs, closing);
  if (lines !== closing.digest)
    throw new CannotRun({
      what: `the lines of ${month} are not those that it was closed with`,
      where: month,
      fix: 'find out who changed them; the statement that was exported then is what counts',
    });
  const { provenance, metering } = costs.config;
  const provider = metering?.provider ?? '';
  const bytes = await focusFile(costs, closing, { tenant, format, provider });
  const digest = hash('sha256', bytes, 'hex');
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name, digest: { sha256: digest } }],
    predicateType: exportPredicate,
    predicate: { month, tenant, format, closing: closing.number, statement: closing.digest },
  };
  const manifest =
    provenance &&
    envelope(
      statementType,
      Buffer.from(JSON.stringify(statement)),
      signingKey(provenance.signingKey),
    );
  return { bytes, digest, manifest: manifest ?? null };
}
