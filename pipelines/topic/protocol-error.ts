/** Whether the brokers said so, wherever in what the client threw. */
export function brokersSaid(error: unknown, apiId: string): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if ('apiId' in error && error.apiId === apiId) return true;
  if (error instanceof AggregateError && error.errors.some((inner) => brokersSaid(inner, apiId)))
    return true;
  return 'cause' in error && brokersSaid(error.cause, apiId);
}
