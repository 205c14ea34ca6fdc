import { createHash } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { decodeJson } from '../../../decode/json.ts';
import { MalformedError } from '../../../wire/reader.ts';
import { CommandError } from '../../exit.ts';
import { isManifest, isTraceFile, type Manifest, maxManifestBytes, readManifest } from './manifest.ts';
import type { ArchivePlace } from './place.ts';
import { factsOf } from './trace-facts.ts';
import { TraceFault } from './trace-text.ts';

/** A trace of 100 MB is three to four times that as JSON. */
const maxTraceBytes = 2 ** 30;

/** A trace out of an archive, as an ExportTraceServiceRequest in protobuf. */
export interface ArchivedTrace {
  readonly traceId: string;
  readonly spans: number;
  readonly wire: Uint8Array;
}

/** The folder or bucket of a file, and its name there. */
export function splitAddress(address: string) {
  const isFolder = !/^s3:\/\//i.test(address);
  return {
    isFolder,
    where: isFolder ? dirname(address) : address.slice(0, address.lastIndexOf('/')),
    name: isFolder ? basename(address) : address.slice(address.lastIndexOf('/') + 1),
  };
}

/**
 * Reads a trace by its own name or by its manifest's, and believes it only where its SHA-256, its size, its name and what
 * is in it are as the manifest says. Throws TraceFault where they are not, and CommandError where it cannot be read.
 */
export async function readArchived(place: ArchivePlace, name: string): Promise<ArchivedTrace> {
  const manifest = await manifestOf(place, name);
  const { file, traceId } = manifest;
  const bytes = await place.read(file, maxTraceBytes);
  if (bytes === undefined) throw new TraceFault(`there is no ${file} beside its manifest`);
  const sum = createHash('sha256').update(bytes).digest('hex');
  if (sum !== manifest.sha256 || !file.startsWith(`${traceId}.${sum.slice(0, 16)}.`))
    throw new TraceFault(`it was changed: its SHA-256 is ${sum}, its manifest says ${manifest.sha256}`);
  const trace = traceIn(bytes, traceId);
  if (trace.spans !== manifest.spans)
    throw new TraceFault(`it has ${trace.spans} spans, its manifest says ${manifest.spans}`);
  return trace;
}

/** Nobody vouches for a file; what somebody says of another, and is not so, is no case of this. */
export class NoManifest extends TraceFault {}

/** The same of any OTLP JSON of one trace, about which nobody says anything. */
export async function readUnverified(place: ArchivePlace, name: string): Promise<ArchivedTrace> {
  const bytes = await place.read(name, maxTraceBytes);
  if (bytes === undefined) throw new TraceFault('there is no such file');
  return traceIn(bytes, undefined);
}

function traceIn(bytes: Uint8Array, traceId: string | undefined): ArchivedTrace {
  let wire: Uint8Array;
  try {
    wire = decodeJson(bytes);
  } catch (error) {
    if (error instanceof MalformedError) throw new TraceFault(`it is not OTLP JSON: ${error.message}`);
    throw error;
  }
  const facts = factsOf(wire, traceId);
  if (facts.spans === 0) throw new TraceFault('there is no span in it: expected OTLP JSON, {"resourceSpans": […]}');
  return { traceId: facts.traceId, spans: facts.spans, wire };
}

async function manifestOf(place: ArchivePlace, name: string): Promise<Manifest> {
  if (isManifest(name)) return await manifestAt(place, name);
  let fault: unknown;
  if (isTraceFile(name))
    for await (const other of place.list(name.replace(/json$/, ''))) {
      if (!isManifest(other)) continue;
      try {
        return await manifestAt(place, other);
      } catch (error) {
        if (!(error instanceof TraceFault)) throw error;
        fault = error; // Another may be sound: all of them say the same of the trace.
      }
    }
  if (fault !== undefined) throw fault;
  if ((await place.read(name, maxTraceBytes)) === undefined) throw new TraceFault('there is no such file');
  throw new NoManifest('there is no manifest beside it to verify it by: --unverified restores it all the same');
}

async function manifestAt(place: ArchivePlace, name: string): Promise<Manifest> {
  const bytes = await place.read(name, maxManifestBytes);
  if (bytes === undefined) throw new TraceFault('there is no such file');
  try {
    return readManifest(bytes, name, 'its manifest');
  } catch (error) {
    throw error instanceof CommandError ? new TraceFault(error.message) : error;
  }
}
