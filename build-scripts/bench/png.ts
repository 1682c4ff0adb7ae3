import { createRequire } from 'node:module';
import path from 'node:path';
import { Resvg } from '@resvg/resvg-js';

const FAMILY = 'DejaVu Sans';
const FILES = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'];
/** Pixels of a picture for each of the drawing's, so that it is sharp where it is shown larger. */
const ZOOM = 2;

/** An SVG as a PNG; its texts are in a font that comes with a package, as a server has none. */
export function renderPng(svg: string): Buffer {
  const fonts = path.dirname(
    createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'),
  );
  const picture = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: ZOOM },
    font: {
      fontFiles: FILES.map((file) => path.join(fonts, file)),
      loadSystemFonts: false,
      defaultFontFamily: FAMILY,
      sansSerifFamily: FAMILY,
    },
  });
  return picture.render().asPng();
}
