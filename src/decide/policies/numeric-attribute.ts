import { ofSpanOrResource, someOrNone } from './attribute.ts';
import { kind } from './kind.ts';
import { bool, number, optional, string } from './parameters.ts';

/** Bounds count where they are written, 0 as well; a double is compared as what it is. */
export const numericAttribute = kind({
  type: 'numeric_attribute',
  says: 'traces in which this attribute of a span or its resource is a number from `min_value` to `max_value`',
  parameters: {
    key: string('the attribute'),
    min_value: optional(number('the smallest number that counts'), undefined),
    max_value: optional(number('the largest number that counts'), undefined),
    invert_match: optional(bool('traces in which no span has such a number'), false),
  },
  compile: ({ key, min_value: min, max_value: max, invert_match: none }) => {
    if (min === undefined && max === undefined)
      return [{ path: ['min_value'], message: 'missing: expected min_value, max_value or both' }];
    if (min !== undefined && max !== undefined && min > max)
      return [{ path: ['max_value'], message: `${max} is less than min_value: no number lies between` }];
    const range = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
    return someOrNone(ofSpanOrResource(key, { is: 'number', range }), none);
  },
});
