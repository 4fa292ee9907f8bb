import { glob, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { expect, test } from 'vitest';

const folders = '{bin,schemas,contracts,pipelines,processors,sinks,replay,ops,test}';

/** The files that match and are ours, with their text; paths from the root of the repository. */
async function read(pattern: string): Promise<readonly (readonly [path: string, text: string])[]> {
  const paths: string[] = [];
  for await (const path of glob(pattern)) paths.push(path);
  return Promise.all(paths.sort().map(async (path) => [path, await readFile(path, 'utf8')]));
}

/** These name or plant what is forbidden elsewhere. */
const exempt = ['test/tidy.test.ts', 'test/ops/check.test.ts'];

/** `path:line` of each line that matches. */
function lines(files: Awaited<ReturnType<typeof read>>, forbidden: RegExp): readonly string[] {
  return files
    .filter(([path]) => !exempt.includes(path))
    .flatMap(([path, text]) =>
      text.split('\n').flatMap((line, at) => (forbidden.test(line) ? [`${path}:${at + 1}`] : [])),
    );
}

/** Comments may speak of any thing. */
const withoutComments = (text: string): string =>
  text.replaceAll(/^[ \t]*(?:\/?\*|\/\/).*|\s\/\/ .*/gm, '');

const code = await read(`${folders}/**/*.{ts,js}`);
const all = [...code, ...(await read(`{${folders}/**/*.{md,yaml,xml,sql,sh},*.md}`))];

test('there is code to look at', () => {
  expect(code.length).toBeGreaterThan(5);
});

test('no file is longer than 300 lines', () => {
  const long = code.filter(([, text]) => text.trimEnd().split('\n').length > 300);
  expect(long.map(([path]) => path)).toEqual([]);
});

test('nothing is typed `any`', () => {
  const bare = code.map(([path, text]) => [path, withoutComments(text)] as const);
  expect(lines(bare, /(?:[:<,|&(]|\bas|=>)\s*any\b(?!\s*[:(=])|\bany\[\]/)).toEqual([]);
});

test('nothing is left to do', () => {
  expect(lines(all, /\b(?:TODO|FIXME|XXX|HACK)\b/)).toEqual([]);
});

test('no rule is switched off in passing', () => {
  expect(lines(code, /(?:ox|es)lint-disable|@ts-(?:ignore|nocheck|expect-error)/)).toEqual([]);
});

test('no test is skipped or focused, but for a tool that the machine lacks', () => {
  const tests = code.filter(([path]) => path.endsWith('.test.ts'));
  expect(lines(tests, /\b(?:test|it|describe|suite)(?:\.\w+)*\.(?:skip|only|todo)\b/)).toEqual([]);
});

test('every pipeline, processor and sink is named in ARCHITECTURE.md', async () => {
  const page = await readFile('ARCHITECTURE.md', 'utf8');
  const shown = code.filter(([path]) => /^(?:pipelines|processors|sinks)\//.test(path));
  expect(shown.map(([path]) => path).filter((path) => !page.includes(path))).toEqual([]);
});

test('a file is named by what it holds, in kebab case', () => {
  const vague = /^(?:utils?|common|helpers?|manager|index|types|misc|shared)\./;
  const names = code.map(([path]) => path);
  expect(names.filter((path) => vague.test(basename(path)))).toEqual([]);
  expect(
    names.filter((path) => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)*$/.test(basename(path))),
  ).toEqual([]);
});

test('no file names the host of a package registry', () => {
  const hosts =
    /registry\.npmjs\.|registry\.yarnpkg\.|repo\.?1?\.maven\.|npmmirror|artifactory|jfrog/i;
  expect(lines(all, hosts)).toEqual([]);
});

test('only ops/ and tests import lazily, so that the lint rules see every arrow', () => {
  const inner = code.filter(([path]) => !/^(?:ops|test|bin)\//.test(path));
  expect(lines(inner, /\bimport\(/)).toEqual([]);
});
