import { relative } from 'node:path';
import type { Initiated } from './init.ts';
import { isSecret, type Proposal } from './proposed.ts';
import { inOrder } from './setup-text.ts';
import { oneLine } from './statement.ts';
import { contractsFolder } from './written-files.ts';

const mostTables = 40;
const nextCommand = 'npx conductor check && npx conductor run capture';

/** What was found and written, for people. What was skipped or needs a look is always named. */
export function reportLines({ place, chosen, files }: Initiated): readonly string[] {
  const { proposals, skipped } = chosen;
  const shown = proposals.slice(0, mostTables);
  const more = proposals.length - shown.length;
  return [
    `found      ${counted(proposals.length, 'table')} to capture in ${place}`,
    `wrote      ${shortPath(files[0] ?? '')}, and ${counted(proposals.length, 'contract')} in ${contractsFolder}: proposals, from names and types alone`,
    ...shown.map((proposal) => `  ${oneLine(proposal.table)}: ${summary(proposal)}`),
    ...(more > 0 ? [`  and ${more} more; --json tells of all`] : []),
    ...skipped.map(({ table, reason }) => `skipped    ${oneLine(table)}: ${reason}`),
    ...proposals.flatMap(({ table, notes }) =>
      notes.map((note) => `look at    ${oneLine(`${table}: ${note}`)}`),
    ),
    ...clashes(proposals).map((clash) => `look at    ${oneLine(clash)}`),
    '',
  ];
}

/** What to type next. */
export function nextLines({ setup, sourceUrl }: Initiated, applied: boolean): readonly string[] {
  const { role, restart, creates } = setup;
  const hint = creates
    ? 'the password is told only here'
    : `${role} is there already: its password is yours`;
  const steps = [
    'Read the contracts. Nothing else decides what leaves the database.',
    ...(applied
      ? []
      : ['Run the SQL that went to stdout as a superuser, by psql -f or another client.']),
    ...(restart.length > 0 ? [`Restart PostgreSQL, for ${restart.join(' and ')}.`] : []),
    'Name your Kafka and registry in conductor.yaml, and take the # from your sinks.',
    [
      'Set what it takes from the environment:',
      `       export SOURCE_URL='${sourceUrl}'   # ${hint}`,
      "       export STATE_URL='postgres://user:password@host:5432/conductor'   # a database of Conductor's own",
      '       (umask 077; set -C; openssl rand -hex 32 > root.key)   # once; lose it, and nothing sealed can be read',
      '       export ROOT_KEY="$(cat root.key)"',
    ].join('\n'),
    `Then type:  ${nextCommand}`,
  ];
  return [
    ...(applied ? ['', 'applied    the SQL above'] : []),
    '',
    'next',
    ...steps.map((step, at) => `    ${at + 1}. ${step}`),
  ];
}

/** The same for machines. */
export function asJson(done: Initiated, applied: boolean): Readonly<Record<string, unknown>> {
  const { name, chosen, files, setup, sql, sourceUrl, server } = done;
  return {
    database: name,
    server: { version: server.version, user: server.user, standby: server.standby },
    files,
    tables: chosen.proposals.map(({ table, tenant, subject, graph, join, columns, notes }) => ({
      table,
      tenant: tenant?.column ?? null,
      subject: subject?.column ?? null,
      label: graph?.label ?? null,
      join: join?.type ?? null,
      confidential: columns.filter(isSecret).map((column) => column.name),
      notes,
    })),
    skipped: chosen.skipped,
    lookAt: clashes(chosen.proposals),
    role: setup.role,
    slot: setup.slot,
    publication: setup.publication,
    sourceUrl: setup.creates ? sourceUrl : null,
    sql,
    statements: inOrder(setup).map((statement) => statement.sql),
    restart: setup.restart,
    advice: setup.advice,
    applied,
    next: nextCommand,
  };
}

function summary({ tenant, subject, columns }: Proposal): string {
  const secret = columns.filter(isSecret).map(({ name }) => name);
  return [
    `${counted(columns.length, 'column')}`,
    tenant ? `tenant ${tenant.column}` : 'no tenant',
    subject ? `subject ${subject.column}` : 'no subject',
    secret.length > 0 ? `confidential: ${secret.join(', ')}` : 'nothing confidential',
  ]
    .map(oneLine)
    .join('; ');
}

/** The warehouse names a table's history and its changes after it: another table may have that name. */
function clashes(proposals: readonly Proposal[]): readonly string[] {
  const tables = new Set(proposals.map(({ table }) => table));
  return proposals.flatMap(({ table }) =>
    ['_history', '_changes']
      .map((suffix) => table + suffix)
      .filter((other) => tables.has(other))
      .map(
        (other) =>
          `${table} and ${other} would have one name in ClickHouse; with that sink, remove the contract of one`,
      ),
  );
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

const shortPath = (path: string): string => {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
};
