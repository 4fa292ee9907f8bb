/** The kind of an error, for the log: what a database says could quote what was asked of it. */
export const kindOf = (error: unknown): string => (error instanceof Error ? error.name : 'unknown');
