import { useEffect, useState } from 'preact/hooks';

/** The width that an element's content has, in pixels, as it changes. */
export function useWidth(element: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(480);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(200, Math.floor(entry.contentRect.width)));
    });
    if (element.current !== null) watch.observe(element.current);
    return () => watch.disconnect();
  }, []);
  return width;
}
