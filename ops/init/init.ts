import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CannotRun, publicUrl } from '../../contracts/cannot-run.ts';
import { release, type Server } from './catalog.ts';
import { type Chosen, choose } from './choose.ts';
import { configText } from './config-text.ts';
import { contractText } from './contract-text.ts';
import { type Only, onlyOf } from './only.ts';
import { readCatalog, sourceFlag } from './read-catalog.ts';
import { type Setup, setupOf } from './setup.ts';
import { setupText } from './setup-text.ts';
import { placeOf, topicName, urlOfRole } from './source-url.ts';
import { oneLine } from './statement.ts';
import { fileNames, type Planned, writeAll } from './written-files.ts';

export interface Asked {
  readonly url: string;
  readonly out: string;
  readonly name: string | null; // Of the source in topics; null takes the database's.
  readonly role: string | null; // Who is to capture; null takes whoever looks, if made for it, else `conductor`.
  readonly only: Only;
  readonly force: boolean;
}

/** What was found, written and is left to do. */
export interface Initiated {
  readonly place: string; // Where the database is, as people name it.
  readonly server: Server;
  readonly name: string;
  readonly chosen: Chosen;
  readonly files: readonly string[];
  readonly setup: Setup;
  readonly sql: string;
  readonly sourceUrl: string; // Of the role that captures; PASSWORD stands for one that only others know.
}

/** Reads a database's catalogs, writes a configuration and a contract per table, and says what the server needs. */
export async function init({
  url,
  out,
  name: named,
  role,
  only,
  force,
}: Asked): Promise<Initiated> {
  const found = await readCatalog(url, role);
  const { server } = found;
  const name = named ?? topicName(server.database);
  const where = `${sourceFlag} = ${publicUrl(url)}`;
  const chosen = choose(onlyOf(found, only, where), name);
  if (chosen.proposals.length === 0) throw nothingToCapture(server, chosen, where);

  const password = randomBytes(18).toString('base64url');
  const setup = setupOf(server, chosen, { name, password });
  const place = oneLine(`${placeOf(url, server.database)}, PostgreSQL ${release(server.version)}`);
  const files = planned(chosen, { name, place, setup });
  await writeAll(out, files, { force });
  return {
    place,
    server,
    name,
    chosen,
    files: files.map(({ path }) => join(out, path)),
    setup,
    sql: setupText(setup, {
      server: place,
      standby: server.standby,
      outsider: server.superuser ? null : server.user,
    }),
    sourceUrl: urlOfRole(url, {
      role: setup.role,
      password: setup.creates ? password : 'PASSWORD',
      database: server.database,
    }),
  };
}

interface Planning {
  readonly name: string;
  readonly place: string;
  readonly setup: Setup;
}

function planned(
  { proposals }: Chosen,
  { name, place, setup: { slot, publication } }: Planning,
): readonly Planned[] {
  const names = fileNames(proposals.map(({ table }) => table));
  return [
    {
      path: 'conductor.yaml',
      text: configText({ database: name, source: place, slot, publication }),
    },
    ...proposals.map((proposal) => ({
      path: names.get(proposal.table) ?? '',
      text: contractText(proposal, name),
    })),
  ];
}

const mostNamed = 10;

function nothingToCapture({ database }: Server, { skipped }: Chosen, where: string): CannotRun {
  const reasons = skipped
    .slice(0, mostNamed)
    .map(({ table, reason }) => `\n  ${oneLine(table)}: ${reason}`);
  const more = skipped.length > mostNamed ? `\n  and ${skipped.length - mostNamed} more` : '';
  return new CannotRun({
    what:
      skipped.length === 0
        ? `database ${oneLine(database)} has no table`
        : `nothing of database ${oneLine(database)} can be captured:${reasons.join('')}${more}`,
    where,
    fix: 'create a table with a primary key, or name another database in the URL',
  });
}
