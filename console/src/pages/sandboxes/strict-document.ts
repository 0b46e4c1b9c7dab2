/**
 * The document for xterm.js under a content security policy without inline styles. Its renderer writes `<style>` elements
 * and `style` attributes; here the former fill a constructed style sheet and the latter go through the CSSOM, both of
 * which the policy allows. Nothing else differs from the document it stands for.
 */
export function strictDocument(real: Document): Document {
  return new Proxy(real, {
    get(target, property) {
      if (property === 'createElement') return (tag: string) => createElement(target, tag);
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function createElement(target: Document, tag: string): HTMLElement {
  if (tag === 'style') return styleSheetElement(target);
  const element = target.createElement(tag);
  if (tag === 'span') {
    const setAttribute = element.setAttribute.bind(element);
    element.setAttribute = (name, value) => {
      if (name === 'style') element.style.cssText = value;
      else setAttribute(name, value);
    };
  }
  return element;
}

/** An element whose text is the text of a style sheet, for as long as it is in the document. */
function styleSheetElement(target: Document): HTMLElement {
  const sheet = new CSSStyleSheet();
  target.adoptedStyleSheets = [...target.adoptedStyleSheets, sheet];
  const element = target.createElement('span');
  element.hidden = true;
  Object.defineProperty(element, 'textContent', {
    set(css: string) {
      sheet.replaceSync(css);
    },
  });
  element.remove = () => {
    target.adoptedStyleSheets = target.adoptedStyleSheets.filter((each) => each !== sheet);
    Element.prototype.remove.call(element);
  };
  return element;
}
