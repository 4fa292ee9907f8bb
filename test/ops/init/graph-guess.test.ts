import { expect, test } from 'vitest';
import { faultsOf } from '../../../contracts/odcs-checks.ts';
import { readDocument } from '../../../contracts/odcs-document.ts';
import type { Relation } from '../../../ops/init/catalog.ts';
import { contractText } from '../../../ops/init/contract-text.ts';
import { propose } from '../../../ops/init/proposal.ts';
import { column, primary, proposed, relation, to } from './relations.ts';

const orgs = relation('orgs', [column('id'), column('name', 'text')]);
const users = relation('users', [column('id'), column('org_id'), column('email', 'text')], {
  foreignKeys: [to('orgs', ['org_id', 'id'])],
});

const tagged = (name: string, more: Partial<Relation> = {}) =>
  relation(name, [column('article_id'), column('tag_id'), column('since', 'date')], {
    uniqueIndexes: [primary('article_id', 'tag_id')],
    foreignKeys: [to('articles', ['article_id', 'id']), to('tags', ['tag_id', 'id'])],
    ...more,
  });
const articles = relation('articles', [column('id'), column('title', 'text')]);
const tags = relation('tags', [column('id'), column('word', 'text')]);

test('a table whose key is two foreign keys is relationships between the nodes of two others', () => {
  const { article_tags: join, articles: from } = proposed(articles, tags, tagged('article_tags'));
  expect(join).toMatchObject({
    graph: null,
    join: { type: 'ARTICLE_TAG', from: 'article_id', to: 'tag_id' },
  });
  expect(from).toMatchObject({ graph: { label: 'Article' }, join: null });
  expect(contractText(join!, 'shop')).toContain(
    '      - { property: join, value: { type: ARTICLE_TAG, from: article_id, to: tag_id } }\n',
  );
});

test('a join table of the table itself, or one that something else of the key tells apart, is what it is', () => {
  const { follows, visits } = proposed(
    users,
    relation('follows', [column('user_id'), column('followed_id')], {
      uniqueIndexes: [primary('user_id', 'followed_id')],
      foreignKeys: [to('users', ['user_id', 'id']), to('users', ['followed_id', 'id'])],
    }),
    relation('visits', [column('user_id'), column('org_id'), column('day', 'date')], {
      uniqueIndexes: [primary('user_id', 'org_id', 'day')],
      foreignKeys: [to('users', ['user_id', 'id']), to('orgs', ['org_id', 'id'])],
    }),
    orgs,
  );
  expect(follows!.join).toEqual({ type: 'FOLLOW', from: 'user_id', to: 'followed_id' });
  expect(visits).toMatchObject({ join: null, graph: { label: 'Visit' } });
});

test('join tables of one name, or of that of a relationship, have types of their own; one that leads to no node is a node', () => {
  const proposals = propose(
    [
      articles,
      tags,
      tagged('tagged'),
      tagged('tagged', { schema: 'old', ident: 'old.tagged' }),
      tagged('cover'),
      relation('pages', [column('id'), column('cover_id')], {
        foreignKeys: [to('articles', ['cover_id', 'id'])],
      }),
      relation('links', [column('article_id'), column('word_id')], {
        uniqueIndexes: [primary('article_id', 'word_id')],
        foreignKeys: [to('articles', ['article_id', 'id']), to('日本', ['word_id', 'id'])],
      }),
      relation('日本', [column('id')]),
    ],
    { generated: false },
  );
  expect(proposals.map(({ join, graph }) => join?.type ?? graph?.label ?? null)).toEqual([
    'Article',
    'Tag',
    'TAGGED',
    'OLD_TAGGED',
    'PUBLIC_COVER',
    'Page',
    'Link',
    null,
  ]);
  expect(
    faultsOf(proposals.flatMap((each) => readDocument(contractText(each, 'shop'), 'it'))),
  ).toEqual([]);
});
