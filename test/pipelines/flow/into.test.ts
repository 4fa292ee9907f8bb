import fc from 'fast-check';
import { from, lastValueFrom, Subject, sum } from 'rxjs';
import { reduce } from 'rxjs';
import { afterEach, expect, test, vi } from 'vitest';
