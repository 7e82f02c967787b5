const links=[...document.querySelectorAll('.picture')];
addEventListener('keydown',event=>{
  if(event.ctrlKey||event.altKey||event.metaKey||event.shiftKey)return;
  const step={j:1,ArrowRight:1,k:-1,ArrowLeft:-1}[event.key];
  if(!step||!links.length)return;
  const here=links.indexOf(document.activeElement);
  let next=here+step;
  if(here<0){
    const below=links.findIndex(link=>link.getBoundingClientRect().top>-10);
    next=below<0?links.length-1:(step>0?below:below-1);
  }
  const link=links[Math.max(0,Math.min(links.length-1,next))];
  link.focus({preventScroll:true});
  link.closest('figure').scrollIntoView();
  event.preventDefault();
});
