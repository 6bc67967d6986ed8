# cmake -D MODULE=events -D SERVICE=Events -D WSDL_DIR=... -D GEN_DIR=... -D OUT=... -P generate.cmake
# One WSDL -> C++ in namespace <module>_soap. Any warning of a generator is an error:
# they report "success" after losing half of the input. Without MODULE: env.h.

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${OUT} OUTPUT_VARIABLE log ERROR_VARIABLE log RESULT_VARIABLE failed)
  if(failed OR log MATCHES "[Ww]arning|[Ee]rror|tempuri")
    message(FATAL_ERROR "${ARGV}\n${log}")
  endif()
endfunction()

# Removes from `text` what begins with `from` and ends with `to`.
function(cut text from to)
  string(FIND "${${text}}" "${from}" begin)
  if(begin EQUAL -1)
    message(FATAL_ERROR "${MODULE}.wsdl: no ${from}")
  endif()
  string(SUBSTRING "${${text}}" 0 ${begin} head)
  string(SUBSTRING "${${text}}" ${begin} -1 tail)
  string(FIND "${tail}" "${to}" end)
  string(LENGTH "${to}" length)
  math(EXPR end "${end} + ${length}")
  string(SUBSTRING "${tail}" ${end} -1 tail)
  set(${text} "${head}${tail}" PARENT_SCOPE)
endfunction()

function(replace file from to)
  file(READ ${OUT}/${file} text)
  string(REPLACE "${from}" "${to}" text "${text}")
  file(WRITE ${OUT}/${file} "${text}")
endfunction()

# Nothing in our schemas is nillable; gSOAP would take xsi:nil anywhere and leave null pointers.
function(refuse_nil file)
  replace(${file} "soap_element_begin_in(soap, tag, 1, NULL)" "soap_element_begin_in(soap, tag, 0, NULL)")
endfunction()

file(MAKE_DIRECTORY ${OUT})
if(NOT MODULE)
  run(${SOAPCPP2} -c++17 -penv -CSLwx ${GEN_DIR}/env.h)
  refuse_nil(envC.cpp)
  return()
endif()

# Two bindings would give every operation twice; one serves both SOAP versions.
file(READ ${WSDL_DIR}/${MODULE}.wsdl wsdl)
cut(wsdl "<binding name=\"${SERVICE}12\"" "</binding>")
cut(wsdl "<port name=\"${SERVICE}12\"" "</port>")
# For wsimport; wsdl2h warns of what it does not know.
cut(wsdl "<jaxws:bindings" "</jaxws:bindings>")
cut(wsdl "<jakarta:bindings" "</jakarta:bindings>")
file(WRITE ${OUT}/${MODULE}.wsdl "${wsdl}")
file(COPY ${WSDL_DIR}/common.xsd ${WSDL_DIR}/events.xsd DESTINATION ${OUT})

run(${WSDL2H} -c++17 -j -L -x -P -t ${GEN_DIR}/typemap.dat -o ${MODULE}_soap.h ${MODULE}.wsdl)
run(${SOAPCPP2} -c++17 -S -j -L -w -x -q${MODULE}_soap -I${GEN_DIR} ${MODULE}_soap.h)

refuse_nil(${MODULE}_soapC.cpp)
# C++ names as the schema has them: NOT_USCOREFOUND -> NOT_FOUND (the XML text is right already).
replace(${MODULE}_soapStub.h "_USCORE" "_")
replace(${MODULE}_soapC.cpp "_USCORE" "_")
# Headers and faults are global (env), and hidden from who includes a module's header first.
replace(${MODULE}_soap${SERVICE}Service.h "#include \"${MODULE}_soapH.h\"" "#include \"envH.h\"\n#include \"${MODULE}_soapH.h\"")
