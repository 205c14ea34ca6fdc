/**
 * node:http without what an `import` of it costs: that reads every export, among them `WebSocket`, for which Node loads
 * its whole fetch (80 modules, 15 MB, 25 ms). Types are imported as ever.
 */
export const { Agent, createServer, request, STATUS_CODES, validateHeaderName, validateHeaderValue } =
  process.getBuiltinModule('node:http');
