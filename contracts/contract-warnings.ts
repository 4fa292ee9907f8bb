import { isConfidential } from './contract.ts';
import { coarserBy, ownerOf, type Promises, ruleOf, saysOf } from './odcs-checks.ts';
import type { PromisedColumn, PromisedTable } from './odcs-document.ts';
import { daysOf, retentionText, termsOf } from './terms.ts';
import { topicSettings } from './topics.ts';
import { isSemantic } from './version.ts';

/** What is allowed in contracts and had better not be so, each with its place and what to do. */
export function warningsOf(promises: Promises): readonly string[] {
  return promises.flatMap((table) =>
    [
      ...readingWarnings(table),
      ...retentionWarnings(table),
      ...ownWarnings(table),
      ...table.properties.flatMap((column) => [...columnWarnings(table, column)]),
    ].map((warning) => `${table.source}: ${table.physicalName}${warning}`),
  );
}

function* readingWarnings(table: PromisedTable): Generator<string> {
  const { owner, status, version } = termsOf(table);
  if (status === 'proposed')
    yield ': is proposed, and nobody has said that it is right; read it, then write status: active';
  else if (owner === null)
    yield ': nobody answers for it; add for example team: { name: shop, members: [{ username: ann, role: owner }] }';
  if (!isSemantic(version))
    yield `: its version is ${version}, from which nobody can tell whether it breaks; write version: 1.0.0`;
}

const dayMs = 24 * 3_600_000;

function* retentionWarnings(table: PromisedTable): Generator<string> {
  if (saysOf(table, 'outbox')) return;
  const { retention } = termsOf(table);
  if (retention === null) {
    yield ': does not say how long its rows are kept; add for example slaProperties: [{ property: retention, value: 3, unit: y }]';
    return;
  }
  const kept = Number(topicSettings('dlq.govern', 1).configs['retention.ms']) / dayMs;
  if (daysOf(retention) < kept)
    yield `: its rows are kept for ${retentionText(retention)}, its dead letters for ${kept} days; lower retention.ms of the topics dlq.*, or keep the rows longer`;
}

function* ownWarnings(table: PromisedTable): Generator<string> {
  const sealed = table.properties.filter(isConfidential).map(({ name }) => name);
  if (sealed.length > 0 && ownerOf(table, 'subject') === null)
    yield `: has no subject, so that ${sealed.join(', ')} can be erased for its whole tenant alone; add { property: subject, value: … } if its rows are about persons`;
}

function* columnWarnings(table: PromisedTable, column: PromisedColumn): Generator<string> {
  const { name, primaryKey, classification } = column;
  if (primaryKey && isConfidential(column))
    yield `, column ${name}: is of the key and ${classification}, so that its readers have a token in its place; classify it internal if it tells of nobody`;
  const isOpen = ruleOf(column) === 'keep' && classification !== 'public';
  if (isOpen && ownerOf(table, 'subject') !== null && isTelling(name) && coarserBy(column) === null)
    yield `, column ${name}: may single out a person together with others, and leaves as it is; add for example { property: hierarchy, value: { prefixes: [3, 1] } }, which anonymous data sets need`;
}

/** Names of what single persons are known by where several of them come together. */
const isTelling = (name: string): boolean =>
  /(?:^|_)(?:birth|birthday|birthdate|born|dob|age|zip|zip_?code|post_?code|postal|plz|city|country|region|gender|sex|nationality|profession|occupation|job|salary|income)(?:_|$)/i.test(
    name.replaceAll(/([a-z])([A-Z])/g, '$1_$2'),
  );
