import { ofSpanOrResource, someOrNone } from './attribute.ts';
import { kind } from './kind.ts';
import { bool, optional, string } from './parameters.ts';

export const booleanAttribute = kind({
  type: 'boolean_attribute',
  says: 'traces in which this attribute of a span or its resource is this boolean',
  parameters: {
    key: string('the attribute'),
    value: optional(bool('what it must be; an attribute that is not there is neither'), false),
    invert_match: optional(bool('traces in which no span has it so'), false),
  },
  compile: ({ key, value, invert_match: none }) => someOrNone(ofSpanOrResource(key, { is: 'boolean', value }), none),
});
