import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

/** One line, or one filled area, of a chart. A point without a value is a gap. */
export interface Series {
  label: string;
  /** A colour of the palette in `base.css`. */
  colour: 'one' | 'two' | 'three' | 'bad';
  values: readonly (number | null)[];
}

interface ChartProps {
  title: string;
  /** Seconds since the epoch. */
  times: readonly number[];
  series: readonly Series[];
  format(value: number): string;
}

const HEIGHT = 168;

/** Values over time. The text beneath says the latest ones to those who do not see the lines. */
export function Chart({ title, times, series, format }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const around = box.current;
    if (!around) return;
    const draw = () => {
      around.replaceChildren();
      return new uPlot(optionsOf(around, series, format), dataOf(times, series), around);
    };
    let plot = draw();
    const redraw = () => {
      plot.destroy();
      plot = draw();
    };
    const resized = new ResizeObserver(() => plot.setSize({ width: around.clientWidth, height: HEIGHT }));
    resized.observe(around);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', redraw);
    return () => {
      resized.disconnect();
      scheme.removeEventListener('change', redraw);
      plot.destroy();
    };
  }, [times, series, format]);
  const summary = series.map(({ label, values }) => `${label}: ${latest(values, format)}`).join(', ');
  return (
    <figure class="chart card">
      <figcaption>
        <h3>{title}</h3>
        <ul class="legend">
          {series.map(({ label, colour }) => (
            <li key={label}>
              <span class={`swatch ${colour}`} />
              {label}
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={box} class="plot" role="img" aria-label={`${title} over time. Latest: ${summary}`} />
    </figure>
  );
}

function latest(values: Series['values'], format: ChartProps['format']): string {
  const value = values.findLast((one) => one !== null);
  return value === undefined || value === null ? 'none' : format(value);
}

const dataOf = (times: ChartProps['times'], series: readonly Series[]): uPlot.AlignedData =>
  [[...times], ...series.map(({ values }) => [...values])] as uPlot.AlignedData;

function optionsOf(
  around: HTMLElement,
  series: readonly Series[],
  format: ChartProps['format'],
): uPlot.Options {
  const style = getComputedStyle(around);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const font = `12px ${style.fontFamily}`;
  const axis: uPlot.Axis = {
    ...{ stroke: colour('soft'), font },
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
  };
  return {
    ...{ width: around.clientWidth, height: HEIGHT },
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { points: { size: 7 }, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.15 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, gap: 6 },
      { ...axis, size: 58, gap: 6, values: (_, marks) => marks.map(format) },
    ],
    series: [
      {},
      ...series.map((one) => ({
        label: one.label,
        stroke: colour(`chart-${one.colour}`),
        fill: `${colour(`chart-${one.colour}`)}1f`,
        width: 1.75,
        points: { show: one.values.filter((value) => value !== null).length < 3, size: 5 },
      })),
    ],
    plugins: [tip(series, format)],
  };
}

/** Shows the values under the pointer. */
function tip(series: readonly Series[], format: ChartProps['format']): uPlot.Plugin {
  const box = document.createElement('div');
  box.className = 'tip';
  const time = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
  return {
    hooks: {
      init: (plot) => plot.over.append(box),
      setCursor({ cursor: { idx, left = 0 }, data, over }) {
        const at = idx === null || idx === undefined ? undefined : data[0][idx];
        box.hidden = at === undefined || left < 0;
        if (at === undefined || idx === null || idx === undefined) return;
        const values = series.map(({ label, values: all }) => {
          const value = all[idx];
          return `${label} ${value === null || value === undefined ? '–' : format(value)}`;
        });
        box.textContent = [time.format(at * 1_000), ...values].join('\n');
        const isRight = left > over.clientWidth / 2;
        box.style.left = isRight ? '' : `${left + 12}px`;
        box.style.right = isRight ? `${over.clientWidth - left + 12}px` : '';
      },
    },
  };
}
