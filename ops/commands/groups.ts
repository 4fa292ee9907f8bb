import type { Command } from 'commander';

/** Commands that are declared together. */
export interface CommandGroup {
  readonly names: readonly string[];
  readonly add: (program: Command) => Promise<void>; // Loads what they need.
}

/** All there is, as help lists it. What is typed loads its own group only: a worker bears the weight of nothing else. */
export const commandGroups: readonly CommandGroup[] = [
  {
    names: ['start'],
    add: async (program) => (await import('./start.ts')).startCommands(program),
  },
  {
    names: ['up', 'down', 'status'],
    add: async (program) => (await import('./stack.ts')).stackCommands(program),
  },
  {
    names: ['init'],
    add: async (program) => (await import('./init.ts')).initCommands(program),
  },
  {
    names: ['check'],
    add: async (program) => (await import('./readiness.ts')).readinessCommands(program),
  },
  {
    names: ['run'],
    add: async (program) => (await import('./run.ts')).runCommands(program),
  },
  {
    names: ['lag'],
    add: async (program) => (await import('./lag.ts')).lagCommands(program),
  },
  {
    names: ['backfill'],
    add: async (program) => (await import('./backfill.ts')).backfillCommands(program),
  },
  {
    names: ['schema'],
    add: async (program) => (await import('./schema.ts')).schemaCommands(program),
  },
  {
    names: ['mirror'],
    add: async (program) => (await import('./mirror.ts')).mirrorCommands(program),
  },
  {
    names: ['policy'],
    add: async (program) => (await import('./policy.ts')).policyCommands(program),
  },
  {
    names: ['privacy'],
    add: async (program) => (await import('./privacy.ts')).privacyCommands(program),
  },
  {
    names: ['costs'],
    add: async (program) => (await import('./costs.ts')).costsCommands(program),
  },
  {
    names: ['verify'],
    add: async (program) => (await import('./verify.ts')).verifyCommands(program),
  },
  {
    names: ['provenance'],
    add: async (program) => (await import('./provenance.ts')).provenanceCommands(program),
  },
  {
    names: ['dlq'],
    add: async (program) => (await import('./dlq.ts')).dlqCommands(program),
  },
  {
    names: ['replay'],
    add: async (program) => (await import('./replay.ts')).replayCommands(program),
  },
  {
    names: ['keys'],
    add: async (program) => (await import('./keys.ts')).keysCommands(program),
  },
  {
    names: ['contract'],
    add: async (program) => (await import('./contract.ts')).contractCommands(program),
  },
  {
    names: ['scan'],
    add: async (program) => (await import('./scan.ts')).scanCommands(program),
  },
  {
    names: ['token'],
    add: async (program) => (await import('./token.ts')).tokenCommands(program),
  },
  {
    names: ['api'],
    add: async (program) => (await import('./api.ts')).apiCommands(program),
  },
  {
    names: ['chaos'],
    add: async (program) => (await import('./chaos.ts')).chaosCommands(program),
  },
  {
    names: ['bench'],
    add: async (program) => (await import('./bench.ts')).benchCommands(program),
  },
  {
    names: ['check-code', 'test'],
    add: async (program) => (await import('./check.ts')).checkCommands(program),
  },
];
