import { expect, test } from 'vitest';
import { guessColumn } from '../../../ops/init/column-guess.ts';
import { column } from './relations.ts';

/** Table and column, type, what is guessed. */
const cases: readonly (readonly [string, string, string])[] = [
  ['customers.id', 'bigint', 'internal keep'],
  ['customers.created_at', 'timestamp with time zone', 'internal keep'],
  ['customers.active', 'boolean', 'internal keep'],
  ['orders.status', 'text', 'internal keep'],
  ['orders.mood', 'mood', 'internal keep'],
  ['orders.amount', 'numeric(12,2)', 'internal keep'],
  ['orders.external_id', 'text', 'internal keep'],
  ['orders.currency', 'character(3)', 'internal keep'],
  ['orders.flavour', 'character(2)', 'internal keep'],
  ['products.name', 'text', 'internal keep'],
  ['products.description', 'text', 'internal keep'],
  ['orders.product_name', 'text', 'internal keep'],
  ['customers.email', 'text', 'confidential tokenise'],
  ['customers.eMail', 'text', 'confidential tokenise'],
  ['customers.BackupEmailAddress', 'character varying(255)', 'confidential tokenise'],
  ['customers.email_verified', 'boolean', 'internal keep'],
  ['customers.email_sent_at', 'timestamp with time zone', 'internal keep'],
  ['customers.phone', 'bigint', 'confidential tokenise'],
  ['customers.phone_id', 'bigint', 'internal keep'],
  ['customers.phone_type', 'text', 'internal keep'],
  ['customers.name', 'text', 'confidential mask'],
  ['companies.name', 'text', 'confidential mask'],
  ['customers.firstName', 'text', 'confidential mask'],
  ['kunden.Nachname', 'text', 'confidential mask'],
  ['kunden.Straße', 'text', 'confidential mask'],
  ['kunden.geburtsdatum', 'date', 'confidential mask'],
  ['customers.date_of_birth', 'date', 'confidential mask'],
  ['customers.dob', 'text', 'confidential mask'],
  ['customers.address', 'jsonb', 'confidential mask'],
  ['customers.address_id', 'bigint', 'internal keep'],
  ['stores.location', 'point', 'confidential mask'],
  ['customers.ssn', 'text', 'confidential tokenise'],
  ['customers.national_id', 'bigint', 'confidential tokenise'],
  ['customers.iban', 'text', 'confidential tokenise'],
  ['sessions.ip', 'text', 'confidential tokenise'],
  ['sessions.remote', 'inet', 'confidential tokenise'],
  ['sessions.token', 'uuid', 'confidential tokenise'],
  ['sessions.refresh_token', 'text', 'restricted drop'],
  ['users.username', 'text', 'confidential tokenise'],
  ['users.password', 'text', 'restricted drop'],
  ['users.PasswordHash', 'bytea', 'restricted drop'],
  ['users.api_key', 'text', 'restricted drop'],
  ['cards.cvv', 'integer', 'restricted drop'],
  ['employees.salary', 'numeric(12,2)', 'confidential mask'],
  ['employees.gender', 'mood', 'confidential mask'],
  ['orders.notes', 'text', 'unclear mask'],
  ['orders.attributes', 'jsonb', 'unclear mask'],
  ['orders.日本', 'text', 'unclear mask'],
  ['orders.', 'text', 'unclear mask'],
];

test.for(cases)('%s, %s: %s', ([name, type, wanted]) => {
  const [table = '', of = ''] = name.split('.');
  const { sort, classification, rule, why } = guessColumn(table, column(of, type));
  expect(`${sort === 'unclear' ? sort : classification} ${rule}`).toBe(wanted);
  if (sort === 'unclear') expect(classification).toBe('confidential');
  expect(why).not.toBe('');
});
