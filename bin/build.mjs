#!/usr/bin/env node
// Builds the program, unless it is built: for images and for folders that the user of the gateway cannot write.
import { build, builtEntry } from './built.mjs';

const problem = builtEntry() ? undefined : build();
if (problem !== undefined) {
  console.error(`The program could not be built: ${problem}`);
  process.exit(1);
}
