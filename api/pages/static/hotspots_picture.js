// The map as a picture: what is seen, drawn once more on a canvas, with title, legend and whose ground it is.
"use strict";
wanmi.hotspotPicture = function (map, words) {
  const SCALE = 2, HEAD = 46, LINE = 18;
  const footOf = about => Math.max(74, 14 + LINE * about.lines.length);
  const colour = (name, from = document.documentElement) => getComputedStyle(from).getPropertyValue(name).trim();

  async function tiles(pen, box, origin) {
    const images = [...box.querySelectorAll(".leaflet-tile-pane img.leaflet-tile, .leaflet-image-layer")];
    const level = image => Number(getComputedStyle(image.closest(".leaflet-layer") || image).zIndex) || 0;
    for (const image of images.sort((a, b) => level(a) - level(b))) {
      const at = image.getBoundingClientRect(), layer = image.closest(".leaflet-layer");
      const clear = Number(getComputedStyle(layer || image).opacity) * Number(getComputedStyle(image).opacity);
      if (!image.complete || !image.naturalWidth || clear < 0.01) continue;
      pen.globalAlpha = clear;
      pen.drawImage(image, at.x - origin.x, at.y - origin.y, at.width, at.height);
    }
    pen.globalAlpha = 1;
  }
  // shapes take the theme's colours from style sheets: in the picture each carries them itself
  function shapes(pen, box, origin) {
    for (const path of box.querySelectorAll("svg path.leaflet-interactive, svg path.outline, svg path.case-dot")) {
      const about = path.getAttribute("d"), own = getComputedStyle(path), matrix = path.getScreenCTM();
      if (!about || !matrix) continue;
      pen.save();
      pen.translate(-origin.x, -origin.y);
      pen.transform(matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f);
      const line = new Path2D(about);
      if (own.fill !== "none") { pen.globalAlpha = Number(own.fillOpacity); pen.fillStyle = own.fill; pen.fill(line, "evenodd"); }
      pen.globalAlpha = Number(own.strokeOpacity) || 1;
      pen.strokeStyle = own.stroke;
      pen.lineWidth = parseFloat(own.strokeWidth) || 1;
      pen.lineJoin = "round";
      if (own.stroke !== "none") pen.stroke(line);
      pen.restore();
    }
  }
  function texts(pen, box, origin) {
    const numbers = (text, name) => (text.getAttribute(name) || "0").split(/[\s,]+/).map(Number);
    for (const text of box.querySelectorAll(".names text")) {
      const own = getComputedStyle(text), matrix = text.getScreenCTM();
      if (!matrix) continue;
      const x = numbers(text, "x"), y = numbers(text, "y"), turn = numbers(text, "rotate");
      pen.save();
      pen.translate(-origin.x, -origin.y);
      pen.transform(matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f);
      pen.font = own.fontStyle + " " + own.fontWeight + " " + own.fontSize + " " + own.fontFamily;
      pen.textAlign = "left";
      pen.textBaseline = "alphabetic";
      pen.lineWidth = parseFloat(own.strokeWidth) || 3;
      pen.lineJoin = "round";
      pen.strokeStyle = own.stroke;
      pen.fillStyle = own.fill;
      for (const draw of ["strokeText", "fillText"]) [...text.textContent].forEach((sign, k) => {
        pen.save();
        pen.translate(x[Math.min(k, x.length - 1)], y[Math.min(k, y.length - 1)]);
        pen.rotate(turn[Math.min(k, turn.length - 1)] * Math.PI / 180);
        pen[draw](sign, 0, 0);
        pen.restore();
      });
      pen.restore();
    }
    for (const badge of box.querySelectorAll(".badge")) {
      const own = getComputedStyle(badge.firstElementChild), at = badge.getBoundingClientRect();
      pen.fillStyle = own.backgroundColor;
      pen.beginPath();
      pen.arc(at.x + at.width / 2 - origin.x, at.y + at.height / 2 - origin.y, at.width / 2, 0, 7);
      pen.fill();
      pen.fillStyle = own.color;
      pen.font = "600 " + own.fontSize + " " + own.fontFamily;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText(badge.textContent, at.x + at.width / 2 - origin.x, at.y + at.height / 2 - origin.y + 0.5);
    }
  }
  function frame(pen, width, height, about) {
    const head = HEAD, foot = footOf(about);
    pen.fillStyle = colour("--card");
    pen.fillRect(0, -head, width, head);
    pen.fillRect(0, height, width, foot);
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    const family = getComputedStyle(document.body).fontFamily;
    pen.fillStyle = colour("--ink");
    pen.font = "600 18px " + family;
    pen.fillText(about.title, 14, -head / 2 - 7, width - 28);
    pen.font = "12px " + family;
    pen.fillStyle = colour("--muted");
    pen.fillText(about.sub, 14, -head / 2 + 13, width - 28);
    // the ramp as it lies in the legend
    const stops = [...about.ramp.css.matchAll(/rgba\(([^)]+)\) (\d+)%/g)], wide = 260;
    const ramp = pen.createLinearGradient(14, 0, 14 + wide, 0);
    for (const [, rgba, share] of stops) ramp.addColorStop(Number(share) / 100, "rgba(" + rgba + ")");
    pen.fillStyle = about.ramp.ground;
    pen.fillRect(14, height + 12, wide, 12);
    pen.fillStyle = ramp;
    pen.fillRect(14, height + 12, wide, 12);
    pen.fillStyle = colour("--ink");
    pen.fillText("0", 14, height + 35);
    pen.textAlign = "right";
    pen.fillText("≥ " + about.top, 14 + wide, height + 35);
    pen.textAlign = "left";
    pen.fillText(words.legend, 14, height + 54);
    pen.fillStyle = colour("--muted");
    about.lines.forEach((text, k) => pen.fillText(text, 14 + wide + 24, height + 18 + k * LINE, width - wide - 52));
  }
  return async function (about, file) {
    const box = map.getContainer(), origin = box.getBoundingClientRect(), head = HEAD, foot = footOf(about);
    const canvas = document.createElement("canvas");
    canvas.width = origin.width * SCALE;
    canvas.height = (origin.height + head + foot) * SCALE;
    const pen = canvas.getContext("2d");
    pen.scale(SCALE, SCALE);
    pen.translate(0, head);
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, origin.width, origin.height);
    pen.clip();
    pen.fillStyle = colour("--bg");
    pen.fillRect(0, 0, origin.width, origin.height);
    await tiles(pen, box, origin);
    shapes(pen, box, origin);
    texts(pen, box, origin);
    pen.restore();
    frame(pen, origin.width, origin.height, about);
    const blob = await new Promise(done => canvas.toBlob(done, "image/png"));
    const address = URL.createObjectURL(blob);
    wanmi.el("a", {href: address, download: file}).click();
    setTimeout(() => URL.revokeObjectURL(address), 20000);
    return blob.size;
  };
};
