// node:util/types.
import { types } from './util.ts';

export default types;
